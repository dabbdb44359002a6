"""The store's engine room: synchronous inside, awaited outside.

SQLite gets one writer thread and one lane of reads, because it has one writer anyway and a queue in memory is
faster than a busy lock; PostgreSQL gets a pool. No connection outlives the function it was lent to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from psycopg.errors import UndefinedTable
from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import SQLModel

from heartbeat.errors import Unavailable
from heartbeat.store.lane import Lane

T = TypeVar("T")
M = TypeVar("M", bound=SQLModel)

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
            self._lane: Lane | None = Lane(self._engine)
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
            self._lane = None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection that may see one consistent state; raises `Unavailable`."""
        return await _reached(self._lane.run(work) if self._lane else self._in_thread(self.read_now, work))

    async def look(self, work: Callable[[Connection], T]) -> T:
        """`read` for a few rows that are found by their keys. Quick on SQLite, but the loop stands still meanwhile."""
        return await _reached(self._lane.look(work) if self._lane else self._in_thread(self.read_now, work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction, committed when it returns and rolled back when it raises."""
        return await _reached(self._in_thread(self.write_now, work))

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for synchronous callers, in their own thread."""
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            return work(connection)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write` for synchronous callers, in their own thread."""
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            result = work(connection)
            connection.commit()
            return result

    def _in_thread(
        self, how: Callable[[Callable[[Connection], T]], T], work: Callable[[Connection], T]
    ) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, how, work)

    def close(self) -> None:
        """Finish what is under way and give every connection back."""
        self._threads.shutdown()
        if self._lane:
            self._lane.close()
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


def insert(connection: Connection, table: Any) -> Any:
    """The dialect's own INSERT, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


@cache
def insert_once(dialect: str, table: Table) -> Any:
    """Insert a row unless its key is taken; returns the row as written, or none. Built once: it is on the hot path."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return statement.on_conflict_do_nothing().returning(table)


@cache
def add_up(dialect: str, table: Table, keys: tuple[str, ...], sums: tuple[str, ...]) -> Any:
    """Insert a row, or add its `sums` to those of the row that has its `keys`."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    added = {name: table.c[name] + statement.excluded[name] for name in sums}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=added)


def one(connection: Connection, table: type[M], statement: Any, given: Mapping[str, Any] | None = None) -> M | None:
    """The first row of `select(table.__table__)…` as an object of `table`, or `None`; `given` are its bound values."""
    result = connection.execute(statement, given)
    names, row = result.keys(), result.first()
    return built(table, names, row) if row else None


def joined(
    connection: Connection, tables: tuple[type[SQLModel], ...], statement: Any, given: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """The first row of `select(one, other, …)`: an object of each table in turn, then what else was selected.

    One statement where two would do as well: on the hot path each costs more in handing the interpreter over to its
    thread than in the database.
    """
    row = connection.execute(statement, given).first()
    return _apart(tables, row) if row else None


def all_joined(
    connection: Connection, tables: tuple[type[SQLModel], ...], statement: Any, given: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Every row of `select(one, other, …)`, as `joined` has them."""
    return [_apart(tables, row) for row in connection.execute(statement, given)]


def _apart(tables: tuple[type[SQLModel], ...], row: Iterable[Any]) -> tuple[Any, ...]:
    values = iter(row)
    objects = [built(table, _names(table), islice(values, len(_names(table)))) for table in tables]
    return (*objects, *values)


@cache
def _names(table: type[SQLModel]) -> tuple[str, ...]:
    return tuple(columns(table).c.keys())


def many(connection: Connection, table: type[M], statement: Any, given: Mapping[str, Any] | None = None) -> list[M]:
    """Every row of `select(table.__table__)…` as objects of `table`; `given` are its bound values."""
    result = connection.execute(statement, given)
    names = tuple(result.keys())
    return [built(table, names, row) for row in result]


def built(table: type[M], names: Iterable[str], values: Iterable[Any]) -> M:
    """A row as an object: plain values, nothing is validated, tracked or saved. A fifth of `model_construct`'s time."""
    made: M = table.__new__(table)
    made.__dict__.update(zip(names, values, strict=True))
    return made


def columns(table: type[SQLModel]) -> Table:
    """The Core table behind a SQLModel class, for statements."""
    found: Table = table.__table__  # type: ignore[attr-defined]
    return found


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
