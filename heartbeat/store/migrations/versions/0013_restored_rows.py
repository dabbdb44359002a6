"""restored rows, and zones that Temporal sees otherwise"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("restored_at", types.UtcDateTime(), nullable=True))
        heartbeat.add_column(sa.Column("zone_differs", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.drop_column("zone_differs")
        heartbeat.drop_column("restored_at")
