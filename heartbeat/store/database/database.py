"""The database: synchronous inside, awaited outside.

SQLite gets one writer thread and one reader, because it has one writer anyway and a queue in memory is
faster than a busy lock; PostgreSQL gets a pool. No connection outlives the function it was lent to.

A file answers or fails. PostgreSQL may do neither, so each read and write of it has a limit in seconds, the wait for a
thread included.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import uniform
from time import monotonic, sleep
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from heartbeat.domain.actors import PRODUCT, Actor
from heartbeat.domain.errors import Unavailable
from heartbeat.store.database import full_disk
from heartbeat.store.database.acting import in_transaction, spoken_for
from heartbeat.store.database.postgres_calls import (
    NO_PRIVILEGE,
    OF_ANOTHER_VERSION,
    POOL_SIZE,
    is_conflict,
    lost_state,
    time_limit,
)
from heartbeat.store.database.sqlite_reader import Query, SqliteReader

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

SQLITE_BUSY_MS = 8_000
# A statement or a value that is wrong; whatever else a driver raises is the database's own trouble.
OUR_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
OUTCOME_UNKNOWN = (
    "The database went away in the middle of a change: it was made whole, or not at all. Look before you repeat it."
)
# A transaction that was undone for another one's sake is made so many times in all.
ATTEMPTS, PAUSE_SECONDS = 5, 0.1
# What began in time gets this much longer to say how it ended.
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class PoolUse:
    """The connections of one process: in use, open and idle, allowed; and how much waits for a thread."""

    busy: int
    idle: int
    size: int
    waiting: int


@dataclass
class _Allowance:
    seconds: float


_allowance: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def wait_at_most(seconds: float) -> Iterator[None]:
    """Within the body, all reads and writes of PostgreSQL by this task have so many seconds together."""
    token = _allowance.set(_Allowance(seconds))
    try:
        yield
    finally:
        _allowance.reset(token)


class HintedCompiler(SQLiteCompiler):
    """Writes `with_hint(table, "INDEXED BY …")` into statements, which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


class Database:
    """Runs functions of a connection, each in one transaction of its own."""

    def __init__(
        self, url: str, limit: float | None = None, pool_size: int = POOL_SIZE, actor: Actor = PRODUCT
    ) -> None:
        """`url` is `sqlite:///path` or `postgresql://…` (psycopg 3); nothing is opened yet.

        `limit` is how many seconds a read or write of PostgreSQL may take; without one, as long as its server answers.
        `pool_size` is how many of them go on at once, each on a connection of its own. `actor` is who makes changes
        that do not say whose they are.
        """
        self.url = driver_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self._limit = limit
        self._actor = actor
        self._engine = make_engine(url, limit, pool_size)
        self._threads = ThreadPoolExecutor(*((1, "store-writer") if self.is_sqlite else (pool_size, "store")))
        self._reader = SqliteReader(self._engine) if self.is_sqlite else None

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
        """Run `change(connection, …)` in one transaction, committed when it returns, rolled back when it raises.

        It is run again if PostgreSQL undoes the transaction for the sake of another, as after a deadlock.
        """
        return await self._in_thread(self._write_as, spoken_for() or self._actor, change, *args, **kwargs)

    def write_later(self, change: Query[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have `change(connection, …)` run in a transaction of its own soon; nobody waits, and a failure is logged.

        Any thread may call it.
        """
        work = partial(self.write_now, change, *args, **kwargs)
        limited = work if self.is_sqlite or self._limit is None else partial(_with_time, work, self._limit)
        with suppress(RuntimeError):  # It is being closed.
            self._threads.submit(limited).add_done_callback(_log_failure)

    def read_now(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for synchronous callers, in their own thread."""
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            result = query(connection, *args, **kwargs)
            # Not rolled back: psycopg would forget the statements that it has given names.
            connection.commit()
            return result

    def write_now(self, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for synchronous callers, in their own thread."""
        return self._write_as(self._actor, change, *args, **kwargs)

    def _write_as(self, actor: Actor, change: Query[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(ATTEMPTS - 1):
            try:
                return self._transaction(actor, change, *args, **kwargs)
            except DBAPIError as problem:
                if not is_conflict(problem.orig):
                    raise
                log.info("a transaction is made again: %s", type(problem.orig).__name__)
            # The other one has the locks first, so that the two do not meet again.
            sleep(uniform(0, PAUSE_SECONDS))  # noqa: S311
        return self._transaction(actor, change, *args, **kwargs)

    def _transaction(self, actor: Actor, change: Query[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            result = in_transaction(connection, actor, change, *args, **kwargs)
            _commit(connection)
            return result

    async def _in_thread(self, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        work, allowance = partial(run, *args, **kwargs), _allowance.get()
        seconds = allowance.seconds if allowance else self._limit
        if self.is_sqlite or seconds is None:
            return await _reached(asyncio.get_running_loop().run_in_executor(self._threads, work))
        began = monotonic()
        try:
            return await _reached(self._in_time(work, seconds))
        finally:
            if allowance:
                allowance.seconds -= monotonic() - began

    async def _in_time(self, work: Callable[[], T], seconds: float) -> T:
        job = self._threads.submit(_with_limit, work, monotonic() + seconds)
        result = asyncio.wrap_future(job)
        try:
            done, _ = await asyncio.wait({result}, timeout=seconds)
            # One that waits for a thread is called off; of one that has begun, its connection notices the same.
            if not done and not job.cancel():
                done, _ = await asyncio.wait({result}, timeout=GRACE_SECONDS)
            if not done:
                # It cannot have come to its commit, which would have failed by now; it is still connecting.
                raise Unavailable("database_unavailable", "The database did not answer in time.")
            return result.result()
        finally:
            result.cancel()

    def pool_use(self) -> PoolUse:
        """How busy it is, as far as this process can tell."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        return PoolUse(pool.checkedout(), pool.checkedin(), pool.size(), self._threads._work_queue.qsize())

    def close(self) -> None:
        """Finish what is under way and give every connection back."""
        self._threads.shutdown()
        if self._reader:
            self._reader.close()
        self._engine.dispose()


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as problem:
        if problem.connection_invalidated:
            raise Unavailable("outcome_unknown", OUTCOME_UNKNOWN) from problem
        raise


def _with_time(work: Callable[[], T], seconds: float) -> T:
    return _with_limit(work, monotonic() + seconds)


def _log_failure(job: Future[Any]) -> None:
    if not job.cancelled() and (problem := job.exception()):
        log.warning("a change that nobody waits for was not made: %s", type(problem).__name__)


def _with_limit(work: Callable[[], T], until: float) -> T:
    with time_limit(until - monotonic()):
        return work()


async def _reached(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except (DBAPIError, PoolTimeout) as problem:
        reason = getattr(problem, "orig", None)
        state = getattr(reason, "sqlstate", None)
        if state in OF_ANOTHER_VERSION:
            message = "The database is not of this version: run `heartbeat migrate`."
            raise Unavailable("database_not_migrated", message) from problem
        if isinstance(problem, OUR_MISTAKES) and not (state == NO_PRIVILEGE or lost_state(reason)):
            raise
        if isinstance(problem, DBAPIError) and full_disk.is_full(problem):
            raise Unavailable("database_full", full_disk.MESSAGE) from problem
        message = f"The database cannot be reached: {_first_line(problem)}"
        raise Unavailable("database_unavailable", message) from problem


def make_engine(url: str, limit: float | None = None, pool_size: int = POOL_SIZE) -> Engine:
    """Make the engine of either kind of database; nothing is opened yet. `limit` and `pool_size` as for `Database`."""
    url = driver_url(url)
    if url.startswith("sqlite"):
        return _sqlite_engine(url)
    # The driver weighs nine megabytes.
    from heartbeat.store.database.postgres import postgres_engine

    return postgres_engine(url, limit, pool_size)


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
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # An error with what it was to write would carry prompts and answers into logs and Temporal.
    engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
    engine.dialect.statement_compiler = HintedCompiler

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver would open transactions by itself and never IMMEDIATE ones; `write_now` does it instead.
        connection.isolation_level = None
        for pragma in ("journal_mode=wal", "synchronous=normal", f"busy_timeout={SQLITE_BUSY_MS}", "foreign_keys=on"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _first_line(problem: Exception) -> str:
    return str(getattr(problem, "orig", problem)).strip().splitlines()[0]
