"""what keys may do"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_key", sa.Column("scopes", sa.String(), nullable=False, server_default="admin"))


def downgrade() -> None:
    op.drop_column("api_key", "scopes")
