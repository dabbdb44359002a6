"""people, what they may do in which project, and sessions that a person began"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(), nullable=False, unique=True),
        sa.Column("email", sa.String(), nullable=False, unique=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("sealed_totp_secret", sa.String(), nullable=True),
        sa.Column("totp_counter", BIG, nullable=True),
        sa.Column("recovery_codes", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_table(
        "user_identity",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False, index=True),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("uq_user_identity", "user_identity", ["issuer", "subject"], unique=True)
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False, index=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("uq_membership", "membership", ["user_id", "project_id"], unique=True)
    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(), nullable=False, unique=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), nullable=False, index=True),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False, unique=True),
        sa.Column("invited_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_table(
        "password_reset",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id"), nullable=False, index=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("dashboard_session") as session:
        session.alter_column("key_id", existing_type=sa.Integer(), nullable=True)
        session.add_column(sa.Column("user_id", sa.Integer(), sa.ForeignKey("user.id", name="fk_session_user")))
        session.add_column(
            sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id", name="fk_session_project"))
        )
        session.create_index("ix_dashboard_session_user_id", ["user_id"])
        session.create_index("ix_dashboard_session_project_id", ["project_id"])


def downgrade() -> None:
    op.execute("DELETE FROM dashboard_session WHERE key_id IS NULL")
    with op.batch_alter_table("dashboard_session") as session:
        session.drop_index("ix_dashboard_session_user_id")
        session.drop_index("ix_dashboard_session_project_id")
        session.drop_column("project_id")
        session.drop_column("user_id")
        session.alter_column("key_id", existing_type=sa.Integer(), nullable=False)
    for table in ("password_reset", "invitation", "membership", "user_identity", "user"):
        op.drop_table(table)
