"""what removed heartbeats had counted, and indexes of the references to what is removed"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTERS = [f"{what}_count" for what in ("success", "total_error", "skipped", "cancelled", "missed")]
# Each with its table and column, and whether the column may be empty.
INDEXES = (
    ("ix_approval_heartbeat", "approval", "heartbeat_id", False),
    ("ix_event_bot", "event", "bot_id", False),
    ("ix_notification_target", "notification", "target_id", False),
    ("ix_heartbeat_member", "heartbeat", "member_id", True),
    ("ix_memory_member", "memory", "member_id", True),
    ("ix_tool_connection_member", "tool_connection", "member_id", True),
    ("ix_target_heartbeat", "target", "heartbeat_id", True),
    ("ix_target_member", "target", "member_id", True),
)


def upgrade() -> None:
    # First, for each ends the transaction; what comes after them is in another one.
    for name, table, column, may_be_empty in INDEXES:
        is_set = sa.text(f"{column} IS NOT NULL") if may_be_empty else None
        create_index(name, table, [column], sqlite_where=is_set, postgresql_where=is_set)
    op.create_table(
        "removed_heartbeats",
        sa.Column("id", sa.Integer(), primary_key=True),
        *(sa.Column(name, BIG, nullable=False) for name in COUNTERS),
    )


def downgrade() -> None:
    op.drop_table("removed_heartbeats")
    for name, table, *_ in INDEXES:
        drop_index(name, table)
