"""indexes that have all that lists of messages are filtered by, so that they are counted without a row"""

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

MADE = {
    "ix_event_kind": ("event", ["bot_id", "kind", "id"]),
    "ix_notification_project": ("notification", ["project_id", "id"]),
    "ix_notification_status": ("notification", ["bot_id", "status", "id"]),
    "ix_notification_target_bot": ("notification", ["target_id", "bot_id", "id"]),
}
REPLACED = {
    "ix_event_bot": ("event", ["bot_id"]),
    "ix_notification_target": ("notification", ["target_id"]),
}


def upgrade() -> None:
    for name, (table, columns) in MADE.items():
        create_index(name, table, columns)
    for name, (table, _) in REPLACED.items():
        drop_index(name, table)


def downgrade() -> None:
    for name, (table, columns) in REPLACED.items():
        create_index(name, table, columns)
    for name, (table, _) in MADE.items():
        drop_index(name, table)
