"""the audit log: a chain of entries for each project"""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("number", BIG, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("first_number", BIG, nullable=False),
        sa.Column("first_hash", sa.String(), nullable=False),
    )
    op.create_table(
        "audit_entry",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("audit_head.project_id"), primary_key=True),
        sa.Column("number", BIG, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("actor_kind", "actor_id", "actor_name", "address")),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("action", "object_type", "object_id", "object_name")
        ),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("audit_entry")
    op.drop_table("audit_head")
