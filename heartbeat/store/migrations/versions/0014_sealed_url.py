"""sealed url"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room; `seal_addresses` moves the queries of the addresses there, which needs the secret keys."""
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("sealed_url", sa.String(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("the query of a tool's address cannot be told to the older schema")
