"""what is expected of a run, whether it did that, and what its model was told of it"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

COLUMNS = {
    "heartbeat": [("expect", sa.JSON)],
    "run": [("expect", sa.JSON), ("expect_met", sa.Boolean)],
    "step": [("reminder", sa.String)],
}


def upgrade() -> None:
    for name, columns in COLUMNS.items():
        with op.batch_alter_table(name) as table:
            for column, kind in columns:
                table.add_column(sa.Column(column, kind(), nullable=True))


def downgrade() -> None:
    for name, columns in COLUMNS.items():
        with op.batch_alter_table(name) as table:
            for column, _ in columns:
                table.drop_column(column)
