"""risks"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WHY = "The tool is registered as one whose calls need a person's yes."


def upgrade() -> None:
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("risks", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("approval") as approval:
        approval.add_column(sa.Column("reason", sa.String(), nullable=False, server_default="registration"))
        approval.add_column(sa.Column("why", sa.String(), nullable=False, server_default=WHY))


def downgrade() -> None:
    raise NotImplementedError("what a tool was declared to risk cannot be told to the older schema")
