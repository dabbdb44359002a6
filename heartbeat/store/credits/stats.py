"""What a bot's heartbeats come to: read from the daily rollup, never from the logs."""

from dataclasses import dataclass, field, fields
from datetime import date, timedelta

from sqlalchemy import Connection, bindparam, func, select

from heartbeat.store.projects.access import Access
from heartbeat.store.rows import columns
from heartbeat.store.tables.credits import DailyRollup
from heartbeat.store.tables.heartbeats import Heartbeat

ROLLUP, HEARTBEAT = columns(DailyRollup), columns(Heartbeat)


@dataclass
class Sums:
    """Logs by status, and what they cost together."""

    success: int = 0
    error: int = 0
    skipped: int = 0
    cancelled: int = 0
    duration_ms: int = 0
    tokens: int = 0
    credits: int = 0
    cost_nano_usd: int = 0

    @property
    def total(self) -> int:
        return self.success + self.error + self.skipped + self.cancelled

    @property
    def executed(self) -> int:
        """Runs that began."""
        return self.total - self.skipped

    @property
    def success_rate(self) -> float:
        """Per cent of all, with one decimal."""
        return round(100 * self.success / self.total, 1) if self.total else 0.0

    def add(self, row: "Sums") -> None:
        for name in NAMES:
            setattr(self, name, getattr(self, name) + getattr(row, name))


NAMES = [one.name for one in fields(Sums)]


@dataclass
class Stats:
    """Sums of all, by type, by model, and by day (newest first; only days with logs).

    Ticks that never ran have the model "", and so have logs that were written before models were told apart.
    """

    all: Sums = field(default_factory=Sums)
    by_type: dict[str, Sums] = field(default_factory=dict)
    by_model: dict[str, Sums] = field(default_factory=dict)
    by_day: dict[str, Sums] = field(default_factory=dict)
    active_heartbeats: int = 0


_DAYS = (
    select(ROLLUP.c.day, ROLLUP.c.type, ROLLUP.c.model, *(ROLLUP.c[name] for name in NAMES))
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
    bot_id, since = access.bot.id, (today - timedelta(days=days - 1)).isoformat()
    totals = Stats(active_heartbeats=connection.execute(_ACTIVE, {"bot_id": bot_id}).scalar_one())
    for day, kind, model, *numbers in connection.execute(_DAYS, {"bot_id": bot_id, "since": since}):
        row = Sums(*numbers)
        totals.all.add(row)
        for sums, key in ((totals.by_type, kind), (totals.by_model, model), (totals.by_day, day)):
            sums.setdefault(key, Sums()).add(row)
    return totals
