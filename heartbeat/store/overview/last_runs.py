"""The last runs of each of many heartbeats, by one statement that reads no more than these."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Select, String, bindparam, cast, extract, func, select

from heartbeat.store.heartbeats.heartbeats import HEARTBEAT
from heartbeat.store.runs.runs import RUN

LAST_RUNS = 30


class LastRun(NamedTuple):
    """A run as a strip shows it. `uuid` and `started_at`, which is to the second, are those of a link."""

    status: str
    uuid: str = ""
    started_at: datetime | None = None


def last_runs(connection: Connection, heartbeat_ids: Sequence[int], as_links: bool) -> dict[int, list[LastRun]]:
    """Read the last 30 runs of each heartbeat or task, oldest first; rehearsals are none."""
    if not heartbeat_ids:
        return {}
    rows = connection.execute(statement(as_links), {"heartbeats": list(heartbeat_ids)})
    return {heartbeat_id: _in_order(runs or "") for heartbeat_id, runs in rows}


@cache
def statement(as_links: bool) -> Select[Any]:
    """A scalar for each heartbeat, so that both databases take its newest runs from the index and stop.

    A window function would walk through all of its runs, and only PostgreSQL has lateral joins.
    """
    run = cast(RUN.c.id, String) + " " + RUN.c.status
    if as_links:
        run = run + " " + RUN.c.uuid + " " + cast(cast(extract("epoch", RUN.c.started_at), BigInteger), String)
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
    return [_run(*part[1:]) for part in parts]


def _run(status: str, uuid: str = "", seconds: str = "") -> LastRun:
    return LastRun(status, uuid, datetime.fromtimestamp(int(seconds), UTC) if seconds else None)
