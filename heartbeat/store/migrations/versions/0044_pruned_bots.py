"""an index of the bots that were not looked through for the longest time"""

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_bot_pruned", "bot", ["pruned_at", "id"])


def downgrade() -> None:
    drop_index("ix_bot_pruned", "bot")
