"""What waits: ticks that are due, runs; and which ticks were skipped since one looked last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from heartbeat.store.database.list_marks import SETTLED
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.parks import IS_PARK
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Approval, Run

RUN, HEARTBEAT, APPROVAL = columns(Run), columns(Heartbeat), columns(Approval)


@dataclass(frozen=True)
class Backlogs:
    """`late_seconds` is how long the tick waits that waits longest, beyond its jitter; `parked_seconds` that of runs.

    `waiting` are the runs that wait for something that no person decides, by what that is. `skipped` are the ticks
    skipped since run `since`, by reason; `newest` is the run to go on from.
    """

    due: int
    late_seconds: float
    parked: int
    parked_seconds: float
    waiting: dict[str, int]
    skipped: dict[str, int]
    newest: int


def backlogs(connection: Connection, since: int | None, now: datetime) -> Backlogs:
    """Look at what waits, by indexes on just that. Without `since`, nothing counts as skipped yet."""
    due, late_seconds = _due(connection, now)
    parked, parked_seconds = _parked(connection, now)
    newest = _newest(connection, now)
    skipped = {} if since is None else _skipped(connection, since, newest)
    waiting = _waiting(connection)
    return Backlogs(due, late_seconds, parked, parked_seconds, waiting, skipped, max(newest, since or 0))


def _due(connection: Connection, now: datetime) -> tuple[int, float]:
    number, oldest = func.count().label("number"), func.min(HEARTBEAT.c.next_tick_at).label("oldest")
    is_due = HEARTBEAT.c.enabled, HEARTBEAT.c.next_tick_at <= now, HEARTBEAT.c.deleted_at.is_(None)
    by_jitter = select(HEARTBEAT.c.jitter_seconds, number, oldest).where(*is_due).group_by(HEARTBEAT.c.jitter_seconds)
    rows = connection.execute(by_jitter).all()
    late = [(now - row.oldest).total_seconds() - row.jitter_seconds for row in rows]
    return sum(row.number for row in rows), max([0.0, *late])


def _parked(connection: Connection, now: datetime) -> tuple[int, float]:
    since = func.min(APPROVAL.c.created_at).label("since")
    of_runs: Select[Any, Any] = select(func.count(RUN.c.id.distinct()).label("number"), since).join(APPROVAL, IS_PARK)
    row = connection.execute(of_running(of_runs).where(RUN.c.parked, APPROVAL.c.state == "pending")).one()
    return row.number, (now - row.since).total_seconds() if row.since else 0.0


def _waiting(connection: Connection) -> dict[str, int]:
    by_reason = of_running(select(RUN.c.waiting, func.count())).where(RUN.c.waiting.is_not(None))
    return {row[0]: row[1] for row in connection.execute(by_reason.group_by(RUN.c.waiting))}


def _newest(connection: Connection, now: datetime) -> int:
    settled = select(RUN.c.id).where(RUN.c.created_at <= now - SETTLED).order_by(RUN.c.id.desc()).limit(1)
    return connection.execute(settled).scalar() or 0


def _skipped(connection: Connection, since: int, newest: int) -> dict[str, int]:
    new = RUN.c.id > since, RUN.c.id <= newest, RUN.c.status == "skipped"
    by_reason = select(RUN.c.skip_reason, func.count()).where(*new).group_by(RUN.c.skip_reason)
    return {row[0]: row[1] for row in connection.execute(by_reason)}
