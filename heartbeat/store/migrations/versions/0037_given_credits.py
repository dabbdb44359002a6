"""what people gave beyond the budgets of bots and projects"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("bot") as bot:
        bot.add_column(sa.Column("period_start", sa.DateTime(timezone=True), nullable=True))
        bot.add_column(sa.Column("period_granted", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("usage") as usage:
        usage.add_column(sa.Column("budget_granted", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("usage") as usage:
        usage.drop_column("budget_granted")
    with op.batch_alter_table("bot") as bot:
        bot.drop_column("period_granted")
        bot.drop_column("period_start")
