"""Clocks of processes beside the database's and Temporal's."""

from datetime import timedelta

import pytest
from temporalio.client import Client

from heartbeat.domain.clock import utc_now
from heartbeat.store.database.database import Database
from heartbeat.temporal.clock import SharedClock, measuring
from tests.support.machine_clock import move_clock

MINUTE = timedelta(minutes=1)
NINETY = timedelta(seconds=90)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), -NINETY])
async def test_a_wrong_clock_is_put_right_and_says_so(database: Database, temporal: Client, ahead: timedelta) -> None:
    clock = SharedClock(database, temporal, lambda: utc_now() + ahead)
    assert clock.warning is None
    await clock.measure()
    assert -MINUTE < clock() - utc_now() < MINUTE
    how_far = f"{abs(ahead).total_seconds():.0f} s {'ahead of' if ahead > timedelta() else 'behind'}"
    assert f"{how_far} the database's and {how_far} Temporal's" in clock.warning


async def test_a_right_clock_stays_as_it_is(database: Database, temporal: Client) -> None:
    """The time that the answer takes is no difference. The second time Temporal knows the process already."""
    clock = SharedClock(database, temporal)
    for _ in range(2):
        clock.database_offset = clock.temporal_offset = MINUTE
        await clock.measure()
        assert (clock.database_offset, clock.temporal_offset) == (timedelta(), timedelta())
    assert clock.warning is None


@pytest.mark.parametrize("ahead", [timedelta(hours=1), -NINETY])
async def test_setting_its_own_clock_leaves_the_time_as_it_is(
    database: Database, temporal: Client, ahead: timedelta
) -> None:
    """Measured or not yet measured anew: with an hour too many a message would wait for an hour."""
    own = [ahead]
    clock = SharedClock(database, temporal, lambda: utc_now() + own[0])
    await clock.measure()
    for own[0] in (timedelta(), ahead, -ahead):
        assert -MINUTE < clock() - utc_now() < MINUTE
        assert -MINUTE < clock.temporal_time() - utc_now() < MINUTE
    await clock.measure()
    assert -MINUTE < clock() - utc_now() < MINUTE


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_clock_of_a_sqlite_file_is_as_wrong_as_its_machine(
    database: Database, temporal: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said when the process starts, and not corrected: all processes of the file show the same time."""
    move_clock(monkeypatch, NINETY)
    clock = SharedClock(database, temporal)
    async with measuring(clock):
        said = [record.getMessage() for record in caplog.records]
        assert said == ["The clock of this process is 90 s ahead of Temporal's: set it right, best with NTP."]
        assert clock.differs_from_temporal
        assert clock.database_offset == timedelta()


async def test_who_is_away_leaves_the_last_result() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    clock = SharedClock(away, await Client.connect("127.0.0.1:1", lazy=True))
    clock.database_offset, clock.temporal_offset = MINUTE, NINETY
    await clock.measure()
    assert (clock.database_offset, clock.temporal_offset) == (MINUTE, NINETY)
    away.close()
