"""Failures to get in as rows: one for each source, counted together, and never without end."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from heartbeat.domain.slowdown import FORGIVEN_AFTER
from heartbeat.store.database.database import Database
from heartbeat.store.projects.auth_failures import FAILURE, count_failures, drop_failures
from tests.support.seeds import NOW

FREE = 3


def sources(connection: Connection) -> list[str]:
    return list(connection.execute(select(FAILURE.c.source).order_by(FAILURE.c.source)).scalars())


async def fail(database: Database, source: str, times: int = 1, now: datetime = NOW):
    return (await database.write(count_failures, {source: times}, now, FREE))[source]


async def test_failures_of_all_processes_add_up(database: Database) -> None:
    begun = [(await fail(database, "address 192.0.2.1")).begins for _ in range(FREE + 1)]
    assert begun == [False] * FREE + [True]
    late = await fail(database, "address 192.0.2.1", 5)
    assert (late.waited, late.begins, late.slowdown.wait(NOW)) == (True, False, timedelta(seconds=1))
    assert not (await fail(database, "address 192.0.2.2")).waited


async def test_of_those_that_come_together_none_counts_after_the_wait_began(database: Database) -> None:
    counted = await fail(database, "address 192.0.2.1", 1_000)
    assert (counted.begins, counted.slowdown.failures(NOW)) == (True, FREE + 1)


async def test_another_clock_does_not_make_anybody_wait_longer(database: Database) -> None:
    await fail(database, "address 192.0.2.1", 100)
    back = NOW - timedelta(days=3)
    counted = await fail(database, "address 192.0.2.1", 1, back)
    assert not counted.waited
    assert counted.slowdown.wait(back) <= timedelta(minutes=15)


async def test_rows_go_when_all_is_forgiven_and_beyond_the_most_those_with_the_fewest_failures(
    database: Database,
) -> None:
    many = {f"address 198.51.100.{number}": 1 + number % 2 for number in range(20)}
    await database.write(count_failures, many, NOW, FREE)
    await database.write(drop_failures, NOW, 10)
    assert await database.read(sources) == sorted(source for source, times in many.items() if times == 2)
    await database.write(drop_failures, NOW + 2 * FORGIVEN_AFTER, 10)
    assert await database.read(sources) == []
