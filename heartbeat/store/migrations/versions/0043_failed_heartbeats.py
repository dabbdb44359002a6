"""an index of the heartbeats whose last run failed"""

import sqlalchemy as sa

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

FAILED = sa.text("last_status = 'error' AND deleted_at IS NULL")


def upgrade() -> None:
    create_index("ix_heartbeat_failed", "heartbeat", ["project_id", "id"], sqlite_where=FAILED, postgresql_where=FAILED)


def downgrade() -> None:
    drop_index("ix_heartbeat_failed", "heartbeat")
