"""What a period came to: by bot, heartbeat, model and day, and whose models they were."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, update

from heartbeat.store.credits.budgets import used_by_bot
from heartbeat.store.credits.ledger import ProjectLimits, period_credits
from heartbeat.store.credits.periods import BillingPeriod
from heartbeat.store.credits.rollup import add_to_day
from heartbeat.store.credits.usage import CreditsUsage, Spent, bots_that_used, models_used, spending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.held_credits import spend
from tests.support.seeds import a_bot, a_heartbeat, a_project

START, END, DAY = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), timedelta(days=1)
OVER = BillingPeriod(START, END, is_over=True)


@pytest.fixture
def spenders(database: Database) -> tuple[Project, list[Bot], list[Heartbeat]]:
    """Two bots, the first with two heartbeats, whose runs ended in the period and just outside it."""

    def seed(connection: Connection) -> tuple[Project, list[Bot], list[Heartbeat]]:
        project = a_project(connection)
        bots = [a_bot(connection, project) for _ in range(2)]
        first, second, third = [a_heartbeat(connection, bot) for bot in (bots[0], bots[0], bots[1])]
        stranger = a_heartbeat(connection, a_bot(connection, a_project(connection)))
        for heartbeat, when, model, spent in (
            (first, START, "one", 3),
            (second, END - DAY, "other", 5),
            (third, END - DAY, "one", 4),
            (third, END, "late", 90),
            (first, START - DAY, "early", 90),
            (stranger, START, "theirs", 90),
        ):
            sums = {"success": 1, "credits": spent, "tokens": 10 * spent, "cost_nano_usd": 100 * spent}
            add_to_day(connection, heartbeat, when, {**sums, "duration_ms": 7}, model)
        add_to_day(connection, first, START + DAY, {"skipped": 2})
        return project, bots, [first, second, third]

    return database.write_now(seed)


def test_a_period_that_is_over_is_told_by_what_ended_in_it(
    database: Database, spenders: tuple[Project, list[Bot], list[Heartbeat]]
) -> None:
    project, bots, heartbeats = spenders
    told = database.read_now(spending, project, OVER)
    assert (told.used, told.held, told.granted, told.budget_granted) == (0, 0, 0, 0), "nothing was entered"
    assert [(row.uuid, row.used, row.held) for row in told.by_bot] == [(bots[0].uuid, 8, 0), (bots[1].uuid, 4, 0)]
    assert [(row.uuid, row.used) for row in told.by_heartbeat] == [
        (heartbeats[place].uuid, used) for place, used in ((1, 5), (2, 4), (0, 3))
    ]
    assert told.by_model == [Spent("one", 2, 7, 70, 700), Spent("other", 1, 5, 50, 500), Spent("", 2)]
    assert told.by_day == [
        Spent("2026-11-30", 2, 9, 90, 900),
        Spent("2026-11-02", 2),
        Spent("2026-11-01", 1, 3, 30, 300),
    ]


def test_the_models_of_a_period_lead_to_the_bots_that_used_them(
    database: Database, spenders: tuple[Project, list[Bot], list[Heartbeat]]
) -> None:
    project, bots, _ = spenders
    assert database.read_now(models_used, project, OVER) == ["one", "other"]
    used = {model: database.read_now(bots_that_used, project, OVER, model) for model in ("one", "other", "late")}
    assert used == {"one": (bots[0].id, bots[1].id), "other": (bots[0].id,), "late": ()}


def test_what_is_used_is_of_one_project_and_one_period(
    database: Database, spenders: tuple[Project, list[Bot], list[Heartbeat]]
) -> None:
    project, bots, heartbeats = spenders
    for heartbeat, amount in zip(heartbeats, (2, 3, 4), strict=True):
        assert database.write_now(spend, project, heartbeat, START, amount)
    assert [database.read_now(period_credits, project.id, start) for start in (START, END)] == [9, 0]
    assert database.read_now(period_credits, project.id + 1, START) == 0
    assert [database.read_now(used_by_bot, bot.id, START) for bot in bots] == [5, 4]
    assert database.read_now(used_by_bot, bots[0].id, END) == 0
    rows = columns(Heartbeat)
    gone = update(rows).where(rows.c.id == heartbeats[0].id).values(deleted_at=START)
    database.write_now(lambda connection: connection.execute(gone))
    now = database.read_now(spending, project, BillingPeriod(START, END))
    assert [(row.uuid, row.used) for row in now.by_bot] == [(bots[0].uuid, 5), (bots[1].uuid, 4)]
    assert [row.used for row in now.by_heartbeat] == [4, 3, 2], "the deleted one, too"


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (ProjectLimits(), None),
        (ProjectLimits(plan=10), 6),
        (ProjectLimits(budget=10), 4),
        (ProjectLimits(plan=10, budget=10), 4),
        (ProjectLimits(plan=8, budget=20), 4),
        (ProjectLimits(plan=4), 0),
        (ProjectLimits(plan=0, budget=0), 0),
    ],
)
def test_what_is_left_is_what_the_tighter_limit_leaves(limits: ProjectLimits, left: int | None) -> None:
    assert CreditsUsage(5, 2, 3, 1, [], [], [], []).left(limits) == left
