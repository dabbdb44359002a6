"""Clocks of processes beside the database's."""

from datetime import timedelta

import pytest

from heartbeat.domain.clock import utc_now
from heartbeat.store.clock import DatabaseClock
from heartbeat.store.database import Database

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=-90)])
async def test_a_wrong_clock_is_put_right_and_says_so(database: Database, ahead: timedelta) -> None:
    clock = DatabaseClock(database, lambda: utc_now() + ahead)
    assert clock.warning is None
    await clock.measure()
    assert -MINUTE < clock() - utc_now() < MINUTE
    direction = "ahead of" if ahead > timedelta() else "behind"
    assert f"{abs(ahead).total_seconds():.0f} s {direction} the database's" in clock.warning


async def test_a_right_clock_stays_as_it_is(database: Database) -> None:
    """The time that the answer takes is no difference."""
    clock = DatabaseClock(database)
    await clock.measure()
    assert clock.warning is None
    assert clock.offset == timedelta()


async def test_a_database_that_is_away_leaves_the_last_result(database: Database) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    clock = DatabaseClock(away)
    clock.offset = MINUTE
    await clock.measure()
    assert clock.offset == MINUTE
    away.close()
