"""runs that did what is expected of them or not, counted by day beside what people say"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

RATED = sa.text("liked IS NOT NULL")
JUDGED = sa.text("liked IS NOT NULL OR expect_met IS NOT NULL")
DAYS = ("daily_rollup", "heartbeat_day")
COUNTS = ("met", "unmet")


def upgrade() -> None:
    op.drop_index("ix_run_rated", "run")
    op.create_index("ix_run_judged", "run", ["heartbeat_id", "id"], sqlite_where=JUDGED, postgresql_where=JUDGED)
    for name in DAYS:
        with op.batch_alter_table(name) as days:
            for count in COUNTS:
                days.add_column(sa.Column(count, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in DAYS:
        with op.batch_alter_table(name) as days:
            for count in COUNTS:
                days.drop_column(count)
    op.drop_index("ix_run_judged", "run")
    op.create_index("ix_run_rated", "run", ["heartbeat_id", "id"], sqlite_where=RATED, postgresql_where=RATED)
