"""the most credits of one run, and runs that wait for more"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("max_credits_per_run", sa.Integer()))
        heartbeat.add_column(sa.Column("period_granted", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("credits_granted", sa.Integer(), nullable=False, server_default="0"))
        run.add_column(sa.Column("parked", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("approval") as approval:
        approval.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
        approval.add_column(sa.Column("credits", sa.Integer()))
        approval.drop_constraint("uq_approval", type_="unique")
        approval.create_unique_constraint("uq_approval", ["run_id", "step", "round"])


def downgrade() -> None:
    op.execute("DELETE FROM approval WHERE reason = 'budget'")
    with op.batch_alter_table("approval") as approval:
        approval.drop_constraint("uq_approval", type_="unique")
        approval.create_unique_constraint("uq_approval", ["run_id", "step"])
        approval.drop_column("credits")
        approval.drop_column("round")
    with op.batch_alter_table("run") as run:
        run.drop_column("parked")
        run.drop_column("credits_granted")
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.drop_column("period_granted")
        heartbeat.drop_column("max_credits_per_run")
