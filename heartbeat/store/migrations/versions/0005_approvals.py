"""approvals"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = types.UtcDateTime(timezone=True)
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("approval_timeout_hours", sa.Integer(), nullable=False, server_default="24"))
    op.create_table(
        "approval",
        sa.Column("id", types.BIG, nullable=False),
        sa.Column("uuid", sa.String(), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("heartbeat_id", sa.Integer(), nullable=False),
        sa.Column("run_id", types.BIG, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("arguments", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", time, nullable=True),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bot.id"]),
        sa.ForeignKeyConstraint(["heartbeat_id"], ["heartbeat.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("uuid"),
        sa.UniqueConstraint("run_id", "step", name="uq_approval"),
    )
    op.create_index("ix_approval_bot", "approval", ["bot_id", "state", "id"])


def downgrade() -> None:
    raise NotImplementedError("what a person decided cannot be told to the older schema")
