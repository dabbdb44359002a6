"""The database: synchronous inside, awaited outside.

SQLite gets one writer thread and one reader, because it has one writer anyway and a queue in memory is
faster than a busy lock; PostgreSQL gets a pool. No connection outlives the function it was lent to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from psycopg.errors import UndefinedTable
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from heartbeat.domain.errors import Unavailable
from heartbeat.store.sqlite_reader import Query, SqliteReader

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_BUSY_MS = 10_000
POOL = 10
# A statement or a value that is wrong; whatever else a driver raises is the database's own trouble.
OUR_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


class Database:
    """Runs functions of a connection, each in one transaction of its own."""

    def __init__(self, url: str) -> None:
        """`url` is `sqlite:///path` or `postgresql://…` (psycopg 3); nothing is opened yet."""
        self.url = driver_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        if self.is_sqlite:
            self._engine = _sqlite_engine(self.url)
            self._threads = ThreadPoolExecutor(1, "store-writer")
            self._reader: SqliteReader | None = SqliteReader(self._engine)
        else:
            self._engine = create_engine(
                self.url,
                pool_size=POOL,
                max_overflow=0,
                pool_timeout=30,
                pool_pre_ping=True,
                pool_use_lifo=True,
                hide_parameters=True,
            )
            self._threads = ThreadPoolExecutor(POOL, "store")
            self._reader = None

    async def read(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, …)` on one consistent state of the database; raises `Unavailable`."""
        if self._reader:
            return await _reached(self._reader.read(query, *args, **kwargs))
        return await self._in_thread(self.read_now, query, *args, **kwargs)

    async def read_inline(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for a few rows that are found by their keys. Quick on SQLite, but the loop stands still meanwhile."""
        if self._reader:
            return await _reached(self._reader.read_inline(query, *args, **kwargs))
        return await self._in_thread(self.read_now, query, *args, **kwargs)

    async def write(self, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `change(connection, …)` in one transaction, committed when it returns, rolled back when it raises."""
        return await self._in_thread(self.write_now, change, *args, **kwargs)

    def read_now(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for synchronous callers, in their own thread."""
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            return query(connection, *args, **kwargs)

    def write_now(self, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for synchronous callers, in their own thread."""
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            result = change(connection, *args, **kwargs)
            connection.commit()
            return result

    async def _in_thread(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        loop = asyncio.get_running_loop()
        return await _reached(loop.run_in_executor(self._threads, partial(run, *args, **kwargs)))

    def close(self) -> None:
        """Finish what is under way and give every connection back."""
        self._threads.shutdown()
        if self._reader:
            self._reader.close()
        self._engine.dispose()


async def _reached(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except OUR_MISTAKES as problem:
        if isinstance(problem.orig, UndefinedTable):
            raise Unavailable(
                "database_not_migrated", "The database has no tables yet: run `heartbeat migrate`."
            ) from problem
        raise
    except (DBAPIError, PoolTimeout) as problem:
        message = f"The database cannot be reached: {_first_line(problem)}"
        raise Unavailable("database_unavailable", message) from problem


def driver_url(url: str) -> str:
    """The URL with the driver this product uses: psycopg 3 for any spelling of PostgreSQL."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _sqlite_engine(url: str) -> Engine:
    path = make_url(url).database
    if not path or path == ":memory:":
        raise ValueError("SQLite needs a file: several processes share it")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # An error with what it was to write would carry prompts and answers into logs and Temporal.
    engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver would open transactions by itself and never IMMEDIATE ones; `write_now` does it instead.
        connection.isolation_level = None
        for pragma in ("journal_mode=wal", "synchronous=normal", f"busy_timeout={SQLITE_BUSY_MS}", "foreign_keys=on"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _first_line(problem: Exception) -> str:
    return str(getattr(problem, "orig", problem)).strip().splitlines()[0]
