"""provider words"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("provider_words", sa.String(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("what a provider said cannot be told to the older schema")
