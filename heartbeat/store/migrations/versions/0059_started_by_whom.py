"""who started a run by hand, and who cancelled it"""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("triggered_by", "cancelled_by"):
        op.add_column("run", sa.Column(name, sa.String(), nullable=True))


def downgrade() -> None:
    for name in ("triggered_by", "cancelled_by"):
        op.drop_column("run", name)
