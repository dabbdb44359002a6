"""What a bot's heartbeats come to: read from the daily rollup, never from the logs."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.store.credits.rollup import ROLLUP, SUMS
from heartbeat.store.database.rows import built, columns
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.heartbeats import Heartbeat

HEARTBEAT = columns(Heartbeat)


# The days over which people look at quality, whatever else they look at.
QUALITY_DAYS = (7, 30)


@dataclass
class Stats:
    """RunSums of all, by type, by model, and by day (newest first; only days with logs).

    Ticks that never ran have the model "", and so have logs that were written before models were told apart. `recent`
    has those of the last 7 and 30 days.
    """

    all: RunSums = field(default_factory=RunSums)
    by_type: dict[str, RunSums] = field(default_factory=dict)
    by_model: dict[str, RunSums] = field(default_factory=dict)
    by_day: dict[str, RunSums] = field(default_factory=dict)
    recent: dict[int, RunSums] = field(default_factory=lambda: {days: RunSums() for days in QUALITY_DAYS})
    active_heartbeats: int = 0


_DAYS = (
    select(ROLLUP.c.day, ROLLUP.c.type, ROLLUP.c.model, *(ROLLUP.c[name] for name in SUMS))
    .where(ROLLUP.c.bot_id == bindparam("bot_id"), ROLLUP.c.day >= bindparam("since"))
    .order_by(ROLLUP.c.day.desc())
)
_ACTIVE = select(func.count()).where(
    HEARTBEAT.c.bot_id == bindparam("bot_id"),
    HEARTBEAT.c.type == "heartbeat",
    HEARTBEAT.c.deleted_at.is_(None),
    HEARTBEAT.c.enabled,
)


def stats(connection: Connection, access: Access, today: date, days: int) -> Stats:
    """The last `days` days (UTC), today among them."""
    bot_id, since = access.bot.id, first_day(today, days)
    recent = {first_day(today, count): count for count in QUALITY_DAYS}
    totals = Stats(active_heartbeats=connection.execute(_ACTIVE, {"bot_id": bot_id}).scalar_one())
    for day, kind, model, *numbers in connection.execute(_DAYS, {"bot_id": bot_id, "since": min(since, *recent)}):
        row = built(RunSums, SUMS, numbers)
        for begin, count in recent.items():
            if day >= begin:
                totals.recent[count].add(row)
        if day >= since:
            totals.all.add(row)
            for sums, key in ((totals.by_type, kind), (totals.by_model, model), (totals.by_day, day)):
                sums.setdefault(key, RunSums()).add(row)
    return totals


def first_day(today: date, days: int) -> str:
    """The first of the last `days` days, `today` among them, as the daily numbers name it."""
    return (today - timedelta(days=days - 1)).isoformat()
