"""indexes of a project's heartbeats in the order in which they were made, and in which they are due"""

import sqlalchemy as sa

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

LIVING = sa.text("deleted_at IS NULL")
INDEXES = {
    "ix_heartbeat_project": ["project_id", "id"],
    "ix_heartbeat_upcoming": ["project_id", "enabled", "next_tick_at", "uuid", "bot_id"],
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        create_index(name, "heartbeat", columns, sqlite_where=LIVING, postgresql_where=LIVING)


def downgrade() -> None:
    for name in INDEXES:
        drop_index(name, "heartbeat")
