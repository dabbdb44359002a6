"""a heartbeat's own model, and those that stand in for it"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("model", sa.String(), nullable=True))
        heartbeat.add_column(sa.Column("fallback_models", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("fallback_models", sa.JSON(), nullable=True))
    with op.batch_alter_table("step") as step:
        step.add_column(sa.Column("fell_back_from", sa.String(), nullable=True))
        step.add_column(sa.Column("fallback_reason", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("step") as step:
        step.drop_column("fallback_reason")
        step.drop_column("fell_back_from")
    with op.batch_alter_table("run") as run:
        run.drop_column("fallback_models")
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.drop_column("fallback_models")
        heartbeat.drop_column("model")
