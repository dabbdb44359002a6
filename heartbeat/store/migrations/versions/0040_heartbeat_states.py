"""an index of a project's heartbeats by their state"""

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

COLUMNS = ["project_id", "type", "deleted_at", "enabled", "pause_reason", "bot_id", "id"]


def upgrade() -> None:
    create_index("ix_heartbeat_state", "heartbeat", COLUMNS)


def downgrade() -> None:
    drop_index("ix_heartbeat_state", "heartbeat")
