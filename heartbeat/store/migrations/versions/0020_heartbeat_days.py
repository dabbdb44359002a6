"""the numbers of a heartbeat's days, and how long runs took"""

from collections import defaultdict
from collections.abc import Mapping
from json import dumps
from typing import Any

import sqlalchemy as sa
from alembic import op

from heartbeat.domain.durations import bucket
from heartbeat.store.tables import types

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LARGE = ("duration_ms", "tokens", "cost_nano_usd")
SMALL = ("success", "error", "skipped", "cancelled", "credits")

RUN = sa.table(
    "run",
    *map(sa.column, ("heartbeat_id", "bot_id", "type", "model", "status", "duration_ms", "tokens_used")),
    *map(sa.column, ("credits_charged", "cost_nano_usd", "dry_run")),
    sa.column("created_at", types.UtcDateTime()),
)
ENDED = sa.select(RUN).where(
    RUN.c.heartbeat_id == sa.bindparam("heartbeat"), RUN.c.status != "running", sa.not_(RUN.c.dry_run)
)
DAY = "INSERT INTO heartbeat_day ({}) VALUES ({})"
HISTOGRAM = """
    UPDATE daily_rollup SET durations = :durations
    WHERE bot_id = :bot_id AND day = :day AND type = :type AND model = :model
"""


def upgrade() -> None:
    with op.batch_alter_table("daily_rollup") as rollup:
        rollup.add_column(sa.Column("durations", sa.String(), nullable=False, server_default="{}"))
    op.create_table(
        "heartbeat_day",
        *(sa.Column(name, sa.Integer(), nullable=False) for name in SMALL),
        *(sa.Column(name, types.BIG, nullable=False) for name in LARGE),
        sa.Column("heartbeat_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("durations", sa.String(), nullable=False, server_default="{}"),
        sa.ForeignKeyConstraint(["heartbeat_id"], ["heartbeat.id"]),
        sa.PrimaryKeyConstraint("heartbeat_id", "day"),
    )
    _fill(op.get_bind())


def downgrade() -> None:
    op.drop_table("heartbeat_day")
    with op.batch_alter_table("daily_rollup") as rollup:
        rollup.drop_column("durations")


def _fill(connection: sa.Connection) -> None:
    """Add up the logs that are still there, heartbeat by heartbeat, so that charts begin with what was."""
    of_bots: dict[tuple[int, str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    names = [*SMALL, *LARGE, "heartbeat_id", "day", "durations"]
    insert = sa.text(DAY.format(", ".join(names), ", ".join(f":{name}" for name in names)))
    for heartbeat_id in connection.execute(sa.text("SELECT id FROM heartbeat ORDER BY id")).scalars().all():
        days: dict[str, dict[str, Any]] = {}
        for run in connection.execute(ENDED, {"heartbeat": heartbeat_id}).mappings():
            day = f"{run['created_at']:%Y-%m-%d}"
            sums = days.setdefault(day, {**dict.fromkeys((*SMALL, *LARGE), 0), "durations": defaultdict(int)})
            _add(sums, run)
            if run["status"] != "skipped":
                of_bots[run["bot_id"], day, run["type"], run["model"]][_bucket(run)] += 1
        for day, sums in days.items():
            row = {**sums, "heartbeat_id": heartbeat_id, "day": day, "durations": dumps(sums["durations"])}
            connection.execute(insert, row)
    for (bot_id, day, type_, model), durations in of_bots.items():
        key = {"bot_id": bot_id, "day": day, "type": type_, "model": model}
        connection.execute(sa.text(HISTOGRAM), {**key, "durations": dumps(durations)})


def _add(sums: dict[str, Any], run: Mapping[str, Any]) -> None:
    sums[run["status"]] += 1
    if run["status"] != "skipped":
        sums["durations"][_bucket(run)] += 1
    amounts = {"duration_ms": "duration_ms", "tokens": "tokens_used", "credits": "credits_charged"}
    for name, column in {**amounts, "cost_nano_usd": "cost_nano_usd"}.items():
        sums[name] += run[column] or 0


def _bucket(run: Mapping[str, Any]) -> str:
    return str(bucket(run["duration_ms"] or 0))
