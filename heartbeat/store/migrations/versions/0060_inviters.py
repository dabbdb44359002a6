"""by whose id an invitation was made, so that it ends with them"""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invitation", sa.Column("invited_by_id", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("invitation", "invited_by_id")
