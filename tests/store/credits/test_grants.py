"""What an operator gives a project, what it spent of it, and what a period that is over is shown with."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.credits.grants import ENTRY, GrantResult, grant
from heartbeat.store.credits.periods import BillingPeriod, billing_period, periods
from heartbeat.store.credits.usage import spending
from heartbeat.store.database.database import Database
from heartbeat.store.tables.projects import Project
from tests.support.held_credits import spend
from tests.support.seeds import a_bot, a_heartbeat, a_project

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def entries(connection: Connection, project: Project) -> list[tuple]:
    columns = (ENTRY.c.kind, ENTRY.c.granted, ENTRY.c.note, ENTRY.c.key, ENTRY.c.period_start, ENTRY.c.created_at)
    of_project = (ENTRY.c.project_id == project.id) & (ENTRY.c.kind != "period")
    return [tuple(row) for row in connection.execute(select(*columns).where(of_project).order_by(ENTRY.c.id))]


def test_a_grant_is_made_once_for_its_key(database: Database) -> None:
    project, other = database.write_now(a_project), database.write_now(a_project)
    assert database.write_now(grant, project, 50, "Paid", "a", NOW) == GrantResult(50, START, END, False)
    assert database.write_now(grant, project, -20, None, "b", NOW) == GrantResult(30, START, END, False)
    assert database.write_now(grant, project, 50, "Again", "a", NOW) == GrantResult(30, START, END, True)
    assert database.write_now(grant, other, 7, None, "a", NOW) == GrantResult(7, START, END, False)
    assert database.read_now(entries, project) == [
        ("grant", 50, "Paid", "grant:a", START, NOW),
        ("adjust", -20, None, "grant:b", START, NOW),
    ]
    with pytest.raises(Conflict) as caught:
        database.write_now(grant, project, 51, None, "a", NOW)
    assert (caught.value.code, caught.value.message) == (
        "grant_key_used",
        "This --key was used for another grant of the project; choose another.",
    )


def test_a_period_is_found_by_the_day_on_which_it_began(database: Database) -> None:
    project, before = database.write_now(a_project), NOW - timedelta(days=40)
    database.write_now(grant, project, 1, None, "a", before)
    database.write_now(grant, project, 1, None, "b", NOW)
    known = database.read_now(periods, project)
    now = BillingPeriod(START, END)
    assert billing_period(project, known, None, NOW) == billing_period(project, known, START.date(), NOW) == now
    over = BillingPeriod(datetime(2026, 10, 1, tzinfo=UTC), START, is_over=True)
    assert billing_period(project, known, date(2026, 10, 1), NOW) == over
    with pytest.raises(NotFound) as caught:
        billing_period(project, known, date(2026, 10, 2), NOW)
    assert "2026-10-02" in caught.value.message


def test_what_a_period_came_to_is_told_of_bots_and_heartbeats(database: Database) -> None:
    project = database.write_now(a_project)
    bot = database.write_now(a_bot, project)
    heartbeat = database.write_now(a_heartbeat, bot)
    assert database.write_now(spend, project, heartbeat, NOW, 5)
    database.write_now(grant, project, 9, None, "a", NOW)
    told = database.read_now(spending, project, BillingPeriod(START, END))
    assert (told.used, told.held, told.granted, told.budget_granted) == (5, 0, 9, 0)
    assert [row.used for row in told.by_bot] == [row.used for row in told.by_heartbeat] == [5]
    over = database.read_now(spending, project, BillingPeriod(START, END, is_over=True))
    assert over.used == 5
    # Of a period that is over, ended runs alone count, and the days of this one are not summed yet.
    assert (over.by_bot, over.by_heartbeat) == ([], [])
