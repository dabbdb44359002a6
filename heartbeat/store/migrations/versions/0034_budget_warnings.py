"""what is told of budgets, and what a heartbeat's last runs cost"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

KEY = ("owner", "owner_id", "period_start", "budget", "level")


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("recent_credits", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("usage") as usage:
        usage.add_column(sa.Column("plan_credits", sa.Integer(), nullable=True))
    op.create_table(
        "budget_warning",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("period_start", types.UtcDateTime(), nullable=False),
        sa.Column("budget", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(*KEY),
    )


def downgrade() -> None:
    op.drop_table("budget_warning")
    with op.batch_alter_table("usage") as usage:
        usage.drop_column("plan_credits")
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.drop_column("recent_credits")
