"""A database with a project of 50 bots, so many heartbeats and logs, and whatever came of them.

`BENCH_HOME=DIRECTORY` keeps the databases there, for the next measurement of the same sizes: it finds them filled and
migrates them.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, inspect, select, text

from bench.logs_in_bulk import MANY_LOGS, fill, quickly, vacuum
from bench.matters_in_bulk import fill_matters
from bench.scale import postgres
from bench.tenant import Tenant, seed
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import M, columns, exactly_one
from heartbeat.store.migrations import migrate
from heartbeat.store.projects.projects import create_key
from heartbeat.store.retention.pruning import PruningTurn
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

P = ParamSpec("P")
T = TypeVar("T")

SIZES = ((100, 10_000), (5_000, MANY_LOGS))
DAYS, BOTS, OF_A_BOT, ADDED_UP_WITHIN = 120, 50, 100, 600.0
NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {0}) SELECT n FROM n) AS n",
    "postgresql": "generate_series(2, {0}) AS n(n)",
}


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """Where databases are made: a directory that goes, or the one that `BENCH_HOME` names."""
    if kept := os.environ.get("BENCH_HOME"):
        Path(kept).mkdir(mode=0o700, parents=True, exist_ok=True)
        yield Path(kept).resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as directory:
            yield Path(directory)


@contextlib.contextmanager
def sqlite_urls(directory: Path) -> Iterator[list[str]]:
    """Name a file for each size."""
    yield [f"sqlite:///{directory}/{heartbeats}_{logs}.db" for heartbeats, logs in SIZES]


@contextlib.contextmanager
def postgres_urls(directory: Path) -> Iterator[list[str]]:
    """Start a server with a database for each size."""
    with postgres(directory, [f"of_{heartbeats}_{logs}" for heartbeats, logs in SIZES]) as urls:
        yield urls


async def filled(url: str, heartbeats: int, logs: int, directory: Path) -> Tenant:
    """Fill a database, unless it is one that was kept; returns who may read it."""
    migrate.upgrade(url)
    done = directory / f"filled-{url.partition(':')[0]}-{heartbeats}-{logs}"
    if done.exists():
        return _written(url, _tenant_of)
    # The audit log has its head when a transaction has ended.
    tenant = _written(url, _seed, heartbeats)
    with quickly(url) as connection:
        fill(connection, logs, DAYS)
    _written(url, fill_matters)
    vacuum(url)
    with contextlib.closing(Database(url)) as database:
        await PruningTurn(database, datetime.now(UTC), ADDED_UP_WITHIN).add_up_periods()
    done.touch()
    return tenant


def _written(url: str, write: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    with contextlib.closing(Database(url)) as database:
        return database.write_now(write, *args, **kwargs)


def _tenant_of(connection: Connection) -> Tenant:
    """Give the project another key, since nobody knows the one it has."""
    project, bot, heartbeat = _first(connection, Project), _first(connection, Bot), _first(connection, Heartbeat)
    return Tenant(project, create_key(connection, project, "bench", datetime.now(UTC)).secret, bot, [heartbeat])


def _first(connection: Connection, table: type[M]) -> M:
    return exactly_one(connection, table, select(columns(table)).where(columns(table).c.id == 1))


def _seed(connection: Connection, heartbeats: int) -> Tenant:
    """Make a project with 50 bots, a hundred heartbeats for one after the other."""
    tenant = seed(connection, 1)
    _copy(connection, "bot", BOTS, {"uuid": "'bot_' || n", "name": "'Bot ' || n"})
    own = {"uuid": "'hb_' || n", "prompt": "'Check queue ' || n || '.'", "bot_id": f"1 + (n - 1) / {OF_A_BOT}"}
    _copy(connection, "heartbeat", heartbeats, own)
    return tenant


def _copy(connection: Connection, table: str, count: int, own: dict[str, str]) -> None:
    """Give the only row of a table so many like it, but for the columns in `own`."""
    described = inspect(connection).get_columns(table)
    names = [column["name"] for column in described if column["name"] != "id"]
    values = ", ".join(own.get(name, f"{table}.{name}") for name in names)
    numbers = NUMBERS[connection.dialect.name].format(count)
    rows = f"SELECT {values} FROM {table}, {numbers} WHERE {table}.id = 1"
    connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) {rows}"))
