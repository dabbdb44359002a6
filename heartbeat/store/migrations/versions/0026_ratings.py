"""what people say of runs"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.tables import types

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

RATED = sa.text("liked IS NOT NULL")
DAYS = ("daily_rollup", "heartbeat_day")
COUNTS = ("liked", "disliked")


def upgrade() -> None:
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("liked", sa.Boolean()))
        run.add_column(sa.Column("rating_note", sa.String()))
        run.add_column(sa.Column("rated_by", sa.String()))
        run.add_column(sa.Column("rated_at", types.UtcDateTime()))
    op.create_index("ix_run_rated", "run", ["heartbeat_id", "id"], sqlite_where=RATED, postgresql_where=RATED)
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.add_column(sa.Column("quality_dropped_run_id", types.BIG))
    for name in DAYS:
        with op.batch_alter_table(name) as days:
            for count in COUNTS:
                days.add_column(sa.Column(count, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in DAYS:
        with op.batch_alter_table(name) as days:
            for count in COUNTS:
                days.drop_column(count)
    with op.batch_alter_table("heartbeat") as heartbeat:
        heartbeat.drop_column("quality_dropped_run_id")
    op.drop_index("ix_run_rated", "run")
    with op.batch_alter_table("run") as run:
        for column in ("rated_at", "rated_by", "rating_note", "liked"):
            run.drop_column(column)
