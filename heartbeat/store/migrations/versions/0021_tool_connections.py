"""tool connections: servers that ask to be signed in to"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OF_NO_MEMBER = sa.text("member_id IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("per_member", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "tool_connection",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(), nullable=False, unique=True),
        sa.Column("tool_id", sa.Integer(), sa.ForeignKey("tool.id", ondelete="CASCADE"), nullable=False),
        sa.Column("member_id", sa.Integer(), sa.ForeignKey("subscriber.id"), nullable=True),
        sa.Column("grant_type", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("wanted_scopes", sa.JSON(), nullable=False),
        sa.Column("sealed_client", sa.String(), nullable=True),
        sa.Column("sealed_tokens", sa.String(), nullable=True),
        _time("expires_at", nullable=True),
        _time("connected_at", nullable=True),
        _time("refreshed_at", nullable=True),
        _time("used_at", nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        _time("refresh_at", nullable=True),
        sa.Column("refresh_holder", sa.String(), nullable=True),
        _time("refresh_lease_until", nullable=True),
        _time("created_at"),
        _time("updated_at"),
    )
    op.create_index(
        "uq_tool_connection",
        "tool_connection",
        ["tool_id"],
        unique=True,
        sqlite_where=OF_NO_MEMBER,
        postgresql_where=OF_NO_MEMBER,
    )
    op.create_index("uq_tool_connection_member", "tool_connection", ["tool_id", "member_id"], unique=True)
    op.create_index("ix_tool_connection_refresh", "tool_connection", ["state", "refresh_at"])
    op.create_table(
        "pending_sign_in",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("uuid", sa.String(), nullable=False, unique=True),
        sa.Column("state_hash", sa.String(), nullable=False, unique=True),
        sa.Column(
            "connection_id", sa.Integer(), sa.ForeignKey("tool_connection.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("browser_hash", sa.String(), nullable=True),
        sa.Column("return_path", sa.String(), nullable=True),
        sa.Column("sealed_context", sa.String(), nullable=False),
        _time("expires_at"),
        _time("created_at"),
    )
    op.create_index("ix_pending_sign_in_connection_id", "pending_sign_in", ["connection_id"])
    op.create_index("ix_pending_sign_in_expires_at", "pending_sign_in", ["expires_at"])


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def downgrade() -> None:
    op.drop_table("pending_sign_in")
    op.drop_table("tool_connection")
    with op.batch_alter_table("tool") as tool:
        tool.drop_column("per_member")
