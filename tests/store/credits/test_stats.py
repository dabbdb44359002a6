"""The numbers of a bot: of so many days, today among them, and of the last 7 and 30 whatever is asked for."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.credits.stats import Stats, first_day, stats
from heartbeat.store.database.database import Database
from heartbeat.store.projects.access import Access
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to

TODAY = NOW.date()


@pytest.fixture
def access(database: Database) -> Access:
    """A bot with a run today and one so many days ago each, of which each cost as many credits."""

    def seed(connection: Connection) -> Access:
        project = a_project(connection)
        bot = a_bot(connection, project)
        heartbeat = a_heartbeat(connection, bot)
        task = a_heartbeat(connection, bot, type="scheduled_task")
        a_heartbeat(connection, bot, enabled=False)
        a_heartbeat(connection, bot, deleted_at=NOW)
        for ago in (0, 1, 2, 6, 7, 29, 30):
            sums = {"success": 1, "credits": ago, "duration_ms": 7}
            add_to_day(connection, heartbeat, NOW - timedelta(days=ago), sums, f"model-{ago % 2}")
        add_to_day(connection, task, NOW, {"error": 1, "credits": 100, "duration_ms": 7}, "model-0")
        stranger = a_heartbeat(connection, a_bot(connection, project))
        add_to_day(connection, stranger, NOW, {"success": 1, "credits": 1000, "duration_ms": 7}, "model-0")
        return access_to(connection, bot)

    return database.write_now(seed)


def asked(database: Database, access: Access, days: int) -> Stats:
    return database.read_now(stats, access, TODAY, days)


def test_the_days_that_are_asked_for_end_today(database: Database, access: Access) -> None:
    found = asked(database, access, 3)
    assert (found.all.success, found.all.error, found.all.credits) == (3, 1, 103)
    assert {kind: sums.credits for kind, sums in found.by_type.items()} == {"heartbeat": 3, "scheduled_task": 100}
    assert {model: sums.credits for model, sums in found.by_model.items()} == {"model-0": 102, "model-1": 1}
    assert [(day, sums.credits) for day, sums in found.by_day.items()] == [
        ("2026-11-20", 100),
        ("2026-11-19", 1),
        ("2026-11-18", 2),
    ]
    assert found.active_heartbeats == 1, "neither the task nor one that is off or deleted"


@pytest.mark.parametrize(("days", "spent"), [(1, 100), (7, 109), (8, 116), (31, 175)])
def test_what_is_recent_does_not_depend_on_what_is_asked_for(
    database: Database, access: Access, days: int, spent: int
) -> None:
    found = asked(database, access, days)
    assert found.all.credits == spent
    assert {count: sums.credits for count, sums in found.recent.items()} == {7: 109, 30: 145}


def test_the_first_of_so_many_days() -> None:
    assert [first_day(TODAY, days) for days in (1, 7)] == ["2026-11-20", "2026-11-14"]
