"""The last runs of each of many heartbeats, by one statement that reads no more than these."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, String, bindparam, cast, extract, func, select

from heartbeat.store.heartbeats.heartbeats import HEARTBEAT
from heartbeat.store.runs.runs import RUN

LAST_RUNS = 30


@dataclass(frozen=True)
class LastRun:
    """A run as a strip shows it; `started_at` is to the second, and there only where it was asked for."""

    uuid: str
    status: str
    started_at: datetime | None = None


def last_runs(connection: Connection, heartbeat_ids: Sequence[int], with_times: bool) -> dict[int, list[LastRun]]:
    """Read the last 30 runs of each heartbeat or task, oldest first; rehearsals are none."""
    if not heartbeat_ids:
        return {}
    rows = connection.execute(statement(with_times), {"heartbeats": list(heartbeat_ids)})
    return {heartbeat_id: _in_order(runs or "") for heartbeat_id, runs in rows}


@cache
def statement(with_times: bool) -> Select[Any]:
    """A scalar for each heartbeat, so that both databases take its newest runs from the index and stop.

    A window function would walk through all of its runs, and only PostgreSQL has lateral joins.
    """
    run = cast(RUN.c.id, String) + " " + RUN.c.uuid + " " + RUN.c.status
    if with_times:
        run = run + " " + cast(cast(extract("epoch", RUN.c.started_at), BigInteger), String)
    newest = (
        select(run.label("run"))
        .where(RUN.c.heartbeat_id == HEARTBEAT.c.id, RUN.c.dry_run.is_(False))
        .order_by(RUN.c.id.desc())
        .limit(LAST_RUNS)
        .correlate(HEARTBEAT)
        .subquery()
    )
    runs = select(func.aggregate_strings(newest.c.run, ",")).scalar_subquery()
    return select(HEARTBEAT.c.id, runs).where(HEARTBEAT.c.id.in_(bindparam("heartbeats", expanding=True)))


def _in_order(runs: str) -> list[LastRun]:
    """Sort by the numbers of the runs: in which order strings are put together is not said."""
    parts = sorted((run.split(" ") for run in filter(None, runs.split(","))), key=lambda part: int(part[0]))
    return [LastRun(uuid, status, *map(_instant, seconds)) for _, uuid, status, *seconds in parts]


def _instant(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
