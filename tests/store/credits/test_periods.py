"""Another day for billing periods to begin on: no balance moves, and nobody gains credits by it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.store.credits.audit import audit
from heartbeat.store.credits.grants import grant
from heartbeat.store.credits.periods import move_anchor_day, periods
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.heartbeats.sync import lift_budget_pauses
from heartbeat.store.tables.projects import Project
from tests.support.held_credits import spend
from tests.support.seeds import a_bot, a_heartbeat, a_project

START, NOW = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 28, 10, tzinfo=UTC)


def project_row(connection: Connection, project: Project) -> Project:
    table = columns(Project)
    return exactly_one(connection, Project, select(table).where(table.c.id == project.id))


def test_the_period_under_way_goes_on_and_every_balance_stays_right(database: Database) -> None:
    def story(connection: Connection) -> list[Any]:
        project = a_project(connection)
        heartbeat = a_heartbeat(connection, a_bot(connection, project))
        assert spend(connection, project, heartbeat, NOW, 90)
        grant(connection, project, 5, None, "k", NOW)
        # Every day of the month in turn, and each time the same period.
        for day in (15, 28, 29, 2, 1, 15):
            project = move_anchor_day(connection, project, day, NOW)
            assert project.period(NOW)[0] == START
            assert not spend(connection, project, heartbeat, NOW, 20), "a change of the day gave credits"
        assert project.period(NOW) == (START, datetime(2026, 12, 15, tzinfo=UTC))
        assert project_row(connection, project) == project
        later = datetime(2026, 12, 20, tzinfo=UTC)
        assert project.period(later) == (datetime(2026, 12, 15, tzinfo=UTC), datetime(2027, 1, 15, tzinfo=UTC))
        assert spend(connection, project, heartbeat, later, 70)
        assert [(usage.period_start, usage.credits) for usage in periods(connection, project)] == [
            (datetime(2026, 12, 15, tzinfo=UTC), 70),
            (START, 90),
        ]
        return audit(connection)

    assert database.write_now(story) == []


def test_a_pause_for_a_spent_budget_lasts_as_long_as_the_period(database: Database) -> None:
    def story(connection: Connection) -> list[int]:
        project = a_project(connection)
        paused = {"enabled": False, "pause_reason": "budget", "pause_since": NOW - timedelta(days=1)}
        a_heartbeat(connection, a_bot(connection, project), **paused)
        move_anchor_day(connection, project, 15, NOW)
        days = (
            datetime(2026, 12, 1, tzinfo=UTC),
            datetime(2026, 12, 14, 23, tzinfo=UTC),
            datetime(2026, 12, 15, tzinfo=UTC),
        )
        return [lift_budget_pauses(connection, day) for day in days]

    assert database.write_now(story) == [0, 0, 1]


def test_a_period_that_has_just_begun_elsewhere_is_the_one_under_way(database: Database) -> None:
    def story(connection: Connection) -> datetime:
        project = a_project(connection)
        heartbeat = a_heartbeat(connection, a_bot(connection, project))
        assert spend(connection, project, heartbeat, datetime(2026, 12, 1, tzinfo=UTC), 10)
        behind = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
        return move_anchor_day(connection, project, 15, behind).period(behind)[0]

    assert database.write_now(story) == datetime(2026, 12, 1, tzinfo=UTC)
