"""paid failures: why an attempt failed, and whether a run's answer was cut off"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("failure_code", sa.String(), nullable=True))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("cut", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("attempt") as attempt:
        attempt.drop_column("failure_code")
    with op.batch_alter_table("run") as run:
        run.drop_column("cut")
