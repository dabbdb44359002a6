"""A worker whose clock is wrong: which activities it leaves to others."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.clocks import UpkeepGuard
from heartbeat.domain.clock import utc_now
from heartbeat.store.database.database import Database
from heartbeat.temporal.clock import SharedClock

NOTHING, SECOND, HOUR = timedelta(), timedelta(seconds=1), timedelta(hours=1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("ahead_now", "ahead_as_measured", "ahead_of_database", "refused"),
    [
        (NOTHING, NOTHING, NOTHING, False),
        (HOUR, HOUR, HOUR, True),
        (-HOUR, -HOUR, -HOUR, True),
        (3 * SECOND, 3 * SECOND, 3 * SECOND, True),
        # It is the database's that is wrong.
        (NOTHING, NOTHING, HOUR, False),
        (SECOND, SECOND, -HOUR, False),
        # A SQLite file shows the same wrong time.
        (3 * SECOND, 3 * SECOND, NOTHING, True),
        (-3 * SECOND, -3 * SECOND, NOTHING, True),
        # The clock was moved since.
        (HOUR, NOTHING, NOTHING, True),
        (-3 * SECOND, None, NOTHING, True),
        # The activity came late, because the worker is busy.
        (5 * SECOND, SECOND, NOTHING, False),
        (5 * SECOND, None, NOTHING, False),
    ],
)
def test_upkeep_is_left_to_others(
    database: Database,
    temporal: Client,
    ahead_now: timedelta,
    ahead_as_measured: timedelta | None,
    ahead_of_database: timedelta,
    refused: bool,
) -> None:
    clock, now = SharedClock(database, temporal), utc_now()
    clock.database_offset = -ahead_of_database
    clock.temporal_offset = None if ahead_as_measured is None else -ahead_as_measured
    guard = UpkeepGuard(clock, frozenset({"reconcile"}), lambda: now + ahead_now)
    for activity_type in ("reconcile", "think"):
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, activity_type=activity_type, started_time=now)
        if refused and activity_type == "reconcile":
            with pytest.raises(ApplicationError, match="The clock of this process is") as refusal:
                environment.run(guard.check)
            assert refusal.value.type == "wrong_clock"
        else:
            environment.run(guard.check)
