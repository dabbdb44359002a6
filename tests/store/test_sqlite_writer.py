"""Short writes on SQLite: on the loop while nobody else writes, else in the thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from heartbeat.store.database import Database
from tests.support.patience import until


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path / 'writer.db'}")) as sqlite:
        sqlite.write_now(lambda connection: connection.exec_driver_sql("CREATE TABLE word (word TEXT UNIQUE)"))
        yield sqlite


def words(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT word FROM word ORDER BY rowid").scalars())


def add(connection: Connection, *added: str) -> int:
    """Add words and return the thread that did it."""
    for word in added:
        connection.exec_driver_sql("INSERT INTO word VALUES (?)", (word,))
    return threading.get_ident()


async def test_it_is_written_on_the_loop_and_everybody_sees_it(database: Database) -> None:
    assert await database.write_inline(add, "one") == threading.get_ident()
    assert await database.read(words) == ["one"]


async def test_while_another_writes_it_waits_in_the_thread(database: Database) -> None:
    with database._engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        add(other, "first")
        writing = asyncio.create_task(database.write_inline(add, "second"))
        await until(lambda: database.pool_use().busy, lambda busy: busy == 2)
        other.commit()
    assert await writing != threading.get_ident()
    assert await database.read(words) == ["first", "second"]


async def test_what_fails_is_undone_and_the_next_is_made(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await database.write_inline(add, "twice", "twice")
    await database.write_inline(add, "once")
    assert await database.read(words) == ["once"]


async def test_of_several_loops_each_writes(database: Database) -> None:
    def write(number: int) -> None:
        asyncio.run(database.write_inline(add, str(number)))

    await asyncio.gather(*(asyncio.to_thread(write, number) for number in range(8)))
    assert sorted(await database.read(words)) == [*map(str, range(8))]


async def test_a_write_that_waits_on_the_thread_still_waits_after_one_on_the_loop(database: Database) -> None:
    """The connection that does not wait never comes into the pool."""
    await database.write_inline(add, "loop")
    with pytest.raises(IntegrityError):
        await database.write_inline(add, "loop")
    timeouts = [
        await database.write(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one())
        for _ in range(2)
    ]
    assert min(timeouts) > 0
