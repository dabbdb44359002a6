"""who acknowledged, snoozed or resolved a finding"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("finding", sa.Column("marked_by", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("finding", "marked_by")
