"""tick accounting"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = types.UtcDateTime(timezone=True)
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("catch_up", sa.String(), nullable=False, server_default="once"))
        heartbeat.add_column(sa.Column("jitter_seconds", sa.Integer(), nullable=False, server_default="0"))
        heartbeat.add_column(sa.Column("accounted_until", time, nullable=True))
        heartbeat.add_column(sa.Column("next_tick_at", time, nullable=True))
        heartbeat.add_column(sa.Column("missed_count", sa.Integer(), nullable=False, server_default="0"))
        heartbeat.add_column(sa.Column("spec_hash", sa.String(), nullable=True))
        heartbeat.add_column(sa.Column("compared_at", time, nullable=True))
        heartbeat.create_index("ix_heartbeat_compared", ["compared_at"])
        heartbeat.create_index("ix_heartbeat_due", ["enabled", "next_tick_at"])
    op.execute(sa.text("UPDATE heartbeat SET accounted_until = CURRENT_TIMESTAMP, next_tick_at = CURRENT_TIMESTAMP"))
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.alter_column("accounted_until", existing_type=time, nullable=False)
    with op.batch_alter_table("run") as run:
        run.alter_column("workflow_id", existing_type=sa.String(), nullable=True)
        run.alter_column("workflow_run_id", existing_type=sa.String(), nullable=True)


def downgrade() -> None:
    raise NotImplementedError("logs of ticks that never became a workflow cannot be told to the older schema")
