"""Runs by filter: a page of them, or all of them as a stream. Each piece is a read of its own, so nobody waits long."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row

from api.schemas.run_query import RunQuery
from heartbeat.store.database.database import wait_at_most
from heartbeat.store.overview.run_filters import NamedRows, run_filter
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import search
from heartbeat.store.runs.search import IdRange, RunFilter, RunPiece, RunPlace

# A page looks at so many runs for those it shows, and then says where it stopped.
MAX_LOOKED_AT = 5_000
# A piece of a stream is held whole.
STREAMED_AT_ONCE = 100

# `Visitor.read`, or `Caller.read` for its ids.
Read = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class WantedRuns:
    """A filter, and between which ids its runs are."""

    runs: RunFilter
    ids: IdRange


@dataclass(frozen=True)
class RunPage:
    """Some runs, newest first. `rest` is where to go on; `stopped`: not far enough to fill the page."""

    rows: list[Row[Any]]
    looked_at: int = 0
    rest: RunPlace | None = None
    stopped: bool = False


def wanted_runs(connection: Connection, access: Access, query: RunQuery, zone: tzinfo = UTC) -> WantedRuns:
    """Read what a query names, its days as those of `zone`; raises `NotFound`."""
    wanted = run_filter(
        connection,
        access.project,
        NamedRows(query.bot_id, query.heartbeat_id, query.member_id),
        # Their index is one of statuses.
        status="skipped" if query.skip_reason and not query.status else query.status,
        skip_reason=query.skip_reason,
        trigger=query.trigger,
        since=_midnight(query.since, zone) if query.since else None,
        until=_midnight(query.until + timedelta(days=1), zone) if query.until else None,
        words=tuple(query.q.split()),
    )
    return WantedRuns(wanted, search.id_range(connection, wanted, query.before))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


async def run_page(read: Read, wanted: WantedRuns, size: int, shown: Sequence[Any] = search.WHOLE) -> RunPage:
    """Read `size` runs with the columns `shown`."""
    rows: list[Row[Any]] = []
    rest: IdRange | None = wanted.ids
    looked_at = 0
    while rest is not None and len(rows) < size and looked_at < MAX_LOOKED_AT:
        piece: RunPiece = await read(_piece, wanted.runs, rest, size - len(rows), shown)
        rows, looked_at, rest = rows + piece.rows, looked_at + piece.looked_at, piece.rest
    if rest is None:
        return RunPage(rows, looked_at)
    place: RunPlace | None = await read(_place, rest)
    return RunPage(rows, looked_at, place, place is not None and len(rows) < size)


async def every_run(read: Read, wanted: WantedRuns, seconds: float) -> AsyncIterator[Row[Any]]:
    """Read all runs, whole, a few at a time; each read of PostgreSQL has so many `seconds`."""
    rest: IdRange | None = wanted.ids
    while rest is not None:
        with wait_at_most(seconds):
            piece: RunPiece = await read(_piece, wanted.runs, rest, STREAMED_AT_ONCE, search.WHOLE)
        for row in piece.rows:
            yield row
        rest = piece.rest


def _piece(
    connection: Connection, access: Access, wanted: RunFilter, ids: IdRange, limit: int, shown: Sequence[Any]
) -> RunPiece:
    return search.read_piece(connection, wanted, ids, limit, shown)


def _place(connection: Connection, access: Access, ids: IdRange) -> RunPlace | None:
    return search.place(connection, ids)
