"""What a bot's runs have cost and how long they took, for forecasts. Reads its newest hundred runs, by index."""

from statistics import median, quantiles

from sqlalchemy import Connection, select

from heartbeat.store.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.runs import Run

RUN = columns(Run)

NEWEST = 100
EXECUTED = ("success", "error")


def newest_runs(connection: Connection, bot: Bot, heartbeat_id: int | None = None) -> list[tuple[int, int]]:
    """Credits and milliseconds of the newest runs that executed, of one heartbeat or of the bot's all."""
    which = RUN.c.heartbeat_id == heartbeat_id if heartbeat_id is not None else RUN.c.bot_id == bot.id
    runs: list[tuple[int, int]] = []
    for status in EXECUTED:
        newest = select(RUN.c.credits_charged, RUN.c.duration_ms).where(which, RUN.c.status == status)
        newest = newest.where(RUN.c.dry_run.is_(False))
        runs += [tuple(row) for row in connection.execute(newest.order_by(RUN.c.id.desc()).limit(NEWEST))]
    return runs


def median_credits(runs: list[tuple[int, int]]) -> float | None:
    """The median cost of a run in credits; `None` when there is none."""
    return float(median(cost for cost, _ in runs)) if runs else None


def slow_ms(runs: list[tuple[int, int]]) -> int | None:
    """The 95th percentile of the durations, in milliseconds; `None` with fewer than two runs."""
    return round(quantiles((ms for _, ms in runs), n=20)[-1]) if len(runs) > 1 else None
