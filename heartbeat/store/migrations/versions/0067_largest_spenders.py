"""index of a period's heartbeats by what they used, on SQLite"""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

COLUMNS = ["project_id", "period_start", sa.text("period_credits DESC"), "id"]


def upgrade() -> None:
    # As for `ix_heartbeat_period`, PostgreSQL would have to write all indexes of a row with every charge.
    if op.get_context().dialect.name == "sqlite":
        op.create_index("ix_heartbeat_period_credits", "heartbeat", COLUMNS)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.drop_index("ix_heartbeat_period_credits", "heartbeat")
