"""A worker whose clock is wrong: which activities it leaves to others."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.clocks import UpkeepGuard
from heartbeat.domain.clock import utc_now
from heartbeat.store.clock import DatabaseClock
from heartbeat.store.database import Database

NOTHING, SECOND, HOUR = timedelta(), timedelta(seconds=1), timedelta(hours=1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("ahead_of_temporal", "ahead_of_database", "refused"),
    [
        (NOTHING, NOTHING, False),
        (HOUR, HOUR, True),
        (-HOUR, -HOUR, True),
        (3 * SECOND, 3 * SECOND, True),
        (-3 * SECOND, -3 * SECOND, True),
        # It is the database's that is wrong.
        (NOTHING, HOUR, False),
        (SECOND, -HOUR, False),
        # A SQLite file shows the same wrong time.
        (HOUR, NOTHING, True),
        (-3 * SECOND, NOTHING, True),
        # The activity came late, because the worker is busy.
        (5 * SECOND, NOTHING, False),
    ],
)
def test_upkeep_is_left_to_others(
    database: Database, ahead_of_temporal: timedelta, ahead_of_database: timedelta, refused: bool
) -> None:
    clock, now = DatabaseClock(database), utc_now()
    clock.offset = -ahead_of_database
    guard = UpkeepGuard(clock, frozenset({"reconcile"}), lambda: now + ahead_of_temporal)
    for activity_type in ("reconcile", "think"):
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, activity_type=activity_type, started_time=now)
        if refused and activity_type == "reconcile":
            with pytest.raises(ApplicationError, match="The clock of this process is") as refusal:
                environment.run(guard.check)
            assert refusal.value.type == "wrong_clock"
        else:
            environment.run(guard.check)
