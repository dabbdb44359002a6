"""how far a tool call has come"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("step") as step:
        step.add_column(sa.Column("progress", sa.String()))


def downgrade() -> None:
    with op.batch_alter_table("step") as step:
        step.drop_column("progress")
