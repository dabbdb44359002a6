"""The reader of reads on SQLite: together, in order, each with its own result."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from heartbeat.store.database.sqlite_reader import SqliteReader


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    database_engine = create_engine(f"sqlite:///{tmp_path / 'reader.db'}", connect_args={"check_same_thread": False})
    with database_engine.begin() as connection:
        connection.execute(text("PRAGMA journal_mode=wal"))
        connection.execute(text("CREATE TABLE word (word TEXT)"))
    yield database_engine
    database_engine.dispose()


@pytest.fixture
def reader(engine: Engine) -> Iterator[SqliteReader]:
    with closing(SqliteReader(engine)) as sqlite_reader:
        yield sqlite_reader


def words(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT word FROM word ORDER BY rowid")).scalars())


Way = Callable[[Callable[[Connection], Any]], Awaitable[Any]]


@pytest.fixture(params=["read", "read_inline"])
def read(request: pytest.FixtureRequest, reader: SqliteReader) -> Way:
    """Both ways to read: in the thread, and on the loop."""
    way: Way = getattr(reader, request.param)
    return way


def add(engine: Engine, word: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO word VALUES (:word)"), {"word": word})


async def test_reads_that_come_together_see_the_same_state(read: Way, engine: Engine) -> None:
    def meanwhile(connection: Connection) -> list[str]:
        seen = words(connection)
        add(engine, "new")
        return seen

    assert await asyncio.gather(read(meanwhile), *(read(words) for _ in range(20))) == [[]] * 21
    assert await read(words) == ["new"]


async def test_a_read_sees_what_was_committed_before_it(read: Way, engine: Engine) -> None:
    for number in range(20):
        add(engine, str(number))
        assert (await read(words))[-1] == str(number)


async def test_a_failure_is_its_own_callers_alone(read: Way) -> None:
    def broken(_: Connection) -> None:
        raise ZeroDivisionError

    def wrong(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM nowhere"))

    results = await asyncio.gather(*map(read, (words, broken, wrong, words)), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["list", "ZeroDivisionError", "OperationalError", "list"]
    assert await read(words) == []


async def test_a_caller_who_gave_up_holds_up_nobody(read: Way) -> None:
    gone = asyncio.ensure_future(read(words))
    await asyncio.sleep(0)
    gone.cancel()
    assert await read(words) == []
    assert gone.cancelled()


async def test_no_transaction_is_left_open(read: Way, engine: Engine) -> None:
    add(engine, "old")
    assert await read(words) == ["old"]
    with engine.connect() as connection:
        # It waits for every reader that still looks at the old state.
        busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
    assert busy == 0


async def test_a_database_that_comes_back_is_read_again(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'later' / 'on.db'}", connect_args={"check_same_thread": False})
    with closing(SqliteReader(engine)) as reader:
        for way in (reader.read, reader.read_inline):
            with pytest.raises(OperationalError):
                await way(words)
        (tmp_path / "later").mkdir()
        assert await reader.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
        assert await reader.read_inline(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
    engine.dispose()


async def test_a_database_that_cannot_be_opened_fails_every_read(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'no' / 'such.db'}", connect_args={"check_same_thread": False})
    with closing(SqliteReader(engine)) as reader:
        results = await asyncio.gather(*(reader.read(words) for _ in range(3)), return_exceptions=True)
    assert {type(result).__name__ for result in results} == {"OperationalError"}
    engine.dispose()


async def test_a_closed_lane_says_so(engine: Engine) -> None:
    reader = SqliteReader(engine)
    reader.close()
    with pytest.raises(RuntimeError, match="closed"):
        await reader.read(words)


def test_loops_may_come_and_go(reader: SqliteReader) -> None:
    for _ in range(3):
        assert asyncio.run(reader.read(words)) == []
