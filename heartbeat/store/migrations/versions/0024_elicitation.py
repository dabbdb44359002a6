"""what becomes of a question that a tool server asks in the middle of a call"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tool") as tool:
        tool.add_column(sa.Column("elicitation", sa.String(), nullable=False, server_default="decline"))


def downgrade() -> None:
    with op.batch_alter_table("tool") as tool:
        tool.drop_column("elicitation")
