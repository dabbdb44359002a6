"""the heartbeats that used most in a period that is over"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("usage", sa.Column("summed_at", types.UtcDateTime(), nullable=True))
    op.add_column("usage", sa.Column("summed_credits", BIG, nullable=True))
    op.create_table(
        "period_spender",
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("project.id"), primary_key=True),
        sa.Column("period_start", types.UtcDateTime(), primary_key=True),
        sa.Column("heartbeat_id", sa.Integer(), sa.ForeignKey("heartbeat.id"), primary_key=True),
        sa.Column("credits", BIG, nullable=False),
    )
    op.create_index("ix_period_spender_heartbeat", "period_spender", ["heartbeat_id"])
    op.create_index("ix_period_spender_start", "period_spender", ["period_start"])


def downgrade() -> None:
    op.drop_table("period_spender")
    with op.batch_alter_table("usage") as usage:
        for name in ("summed_at", "summed_credits"):
            usage.drop_column(name)
