"""indexes for each filter of messages, of a bot and of a project, and of those that lack their kind"""

import sqlalchemy as sa

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_notification_bot_kind": ["bot_id", "kind", "id"],
    "ix_notification_project_kind": ["project_id", "kind", "id"],
    "ix_notification_project_status": ["project_id", "status", "id"],
    "ix_notification_target": ["target_id", "id"],
}
LACKS_KIND = sa.text("kind IS NULL")


def upgrade() -> None:
    for name, columns in INDEXES.items():
        create_index(name, "notification", columns)
    where = {"sqlite_where": LACKS_KIND, "postgresql_where": LACKS_KIND}
    create_index("ix_notification_without_kind", "notification", ["id"], **where)


def downgrade() -> None:
    for name in (*INDEXES, "ix_notification_without_kind"):
        drop_index(name, "notification")
