"""how often a gate had nothing new"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

COUNTS = {"daily_rollup": "unchanged", "heartbeat_day": "unchanged", "heartbeat": "unchanged_count"}


def upgrade() -> None:
    for name, count in COUNTS.items():
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column(count, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name, count in COUNTS.items():
        with op.batch_alter_table(name) as table:
            table.drop_column(count)
