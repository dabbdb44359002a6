"""from when until when a heartbeat is due, and until when it is snoozed"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

COLUMNS = ("starts_at", "ends_at", "snoozed_at", "snooze_until")


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        for name in COLUMNS:
            heartbeat.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        for name in reversed(COLUMNS):
            heartbeat.drop_column(name)
