"""how far logs have been pruned, and entries that outlive their runs"""

import sqlalchemy as sa
from alembic import op

from heartbeat.store.migrations.online_indexes import create_index, drop_index

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

COUNTS = [f"pruned_{status}_count" for status in ("success", "error", "skipped", "cancelled")]
LONG_AGO = "1970-01-01 00:00:00.000000"
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAMES = {"fk": "fk_%(table_name)s_%(column_0_name)s"}


def upgrade() -> None:
    # First, for it ends the transaction; what comes after it is in another one.
    replays = sa.text("replay_of IS NOT NULL")
    create_index("ix_run_replay", "run", ["replay_of"], sqlite_where=replays, postgresql_where=replays)
    with op.batch_alter_table("bot") as bot:
        bot.add_column(sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=False, server_default=LONG_AGO))
        bot.add_column(sa.Column("emptied_run_id", BIG, nullable=False, server_default="0"))
    with op.batch_alter_table("heartbeat") as heartbeat:
        for count in COUNTS:
            heartbeat.add_column(sa.Column(count, sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("run") as run:
        run.add_column(sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("entry_run_id_fkey", "entry", type_="foreignkey")
    else:
        with op.batch_alter_table("entry", naming_convention=NAMES) as entry:
            entry.drop_constraint("fk_entry_run_id", type_="foreignkey")


def downgrade() -> None:
    drop_index("ix_run_replay", "run")
    with op.batch_alter_table("run") as run:
        run.drop_column("emptied_at")
    with op.batch_alter_table("heartbeat") as heartbeat:
        for count in COUNTS:
            heartbeat.drop_column(count)
    with op.batch_alter_table("bot") as bot:
        bot.drop_column("emptied_run_id")
        bot.drop_column("pruned_at")
