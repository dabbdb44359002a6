"""The lane of reads on SQLite: together, in order, each with its own result."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from heartbeat.store.lane import Lane


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'lane.db'}", connect_args={"check_same_thread": False})
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE word (word TEXT)"))
    yield made
    made.dispose()


@pytest.fixture
def lane(engine: Engine) -> Iterator[Lane]:
    with closing(Lane(engine)) as made:
        yield made


def words(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT word FROM word ORDER BY rowid")).scalars())


async def test_reads_that_come_together_share_a_transaction(lane: Lane) -> None:
    def itself(connection: Connection) -> Connection:
        return connection

    together = await asyncio.gather(*(lane.run(itself) for _ in range(20)))
    assert {id(connection) for connection in together} == {id(together[0])}
    assert await lane.run(itself) is not together[0]


async def test_a_read_sees_what_was_committed_before_it(lane: Lane, engine: Engine) -> None:
    for number in range(20):
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO word VALUES (:word)"), {"word": str(number)})
        assert (await lane.run(words))[-1] == str(number)


async def test_a_failure_is_its_own_callers_alone(lane: Lane) -> None:
    def broken(_: Connection) -> None:
        raise ZeroDivisionError

    results = await asyncio.gather(lane.run(words), lane.run(broken), lane.run(words), return_exceptions=True)
    assert [type(result) for result in results] == [list, ZeroDivisionError, list]


async def test_a_caller_who_gave_up_holds_up_nobody(lane: Lane) -> None:
    gone = asyncio.ensure_future(lane.run(words))
    await asyncio.sleep(0)
    gone.cancel()
    assert await lane.run(words) == []
    assert gone.cancelled()


async def test_a_database_that_cannot_be_opened_fails_every_read(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'no' / 'such.db'}", connect_args={"check_same_thread": False})
    with closing(Lane(engine)) as lane:
        results = await asyncio.gather(*(lane.run(words) for _ in range(3)), return_exceptions=True)
    assert {type(result).__name__ for result in results} == {"OperationalError"}
    engine.dispose()


async def test_a_closed_lane_says_so(engine: Engine) -> None:
    lane = Lane(engine)
    lane.close()
    with pytest.raises(RuntimeError, match="closed"):
        await lane.run(words)


def test_loops_may_come_and_go(lane: Lane) -> None:
    for _ in range(3):
        assert asyncio.run(lane.run(words)) == []
