"""limits of providers' rates, and what runs in progress wait for"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables.types import BIG

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_limit",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("scope", sa.String(), nullable=False, unique=True),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
    )
    op.add_column("run", sa.Column("waiting", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("run", "waiting")
    op.drop_table("rate_limit")
