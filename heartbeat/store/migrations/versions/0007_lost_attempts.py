"""lost attempts"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notification") as notification:
        notification.add_column(sa.Column("lost_attempts", sa.Integer(), nullable=False, server_default="0"))
    op.execute("ALTER TABLE notification RENAME COLUMN claimed_until TO begun_at")


def downgrade() -> None:
    raise NotImplementedError("which attempts were lost cannot be told to the older schema")
