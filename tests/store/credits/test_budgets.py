"""The budgets of bots and projects: each holds for all of its heartbeats together, however many run at once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, select, update

from heartbeat.domain.plans import Plan
from heartbeat.store.credits.audit import audit
from heartbeat.store.credits.ledger import ProjectLimits
from heartbeat.store.credits.periods import billing_period
from heartbeat.store.credits.usage import spending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.runs.approvals import decide
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.steps import NewStep, begin_step, settle_step
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.projects import Project
from tests.support.databases import waiting
from tests.support.patience import PATIENCE, wait_until
from tests.support.runs import LIMITS, by_hand, changed, opened, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, heartbeat_row

# A step of a run here may cost 2 credits.
CHEAP = NewStep(1, "All quiet.", "[]", "openai:scripted", 100, 50, 7)
OWNERS = pytest.mark.parametrize("owner", [Bot, Project])


@pytest.fixture
def siblings(database: Database, heartbeat: Heartbeat) -> list[Heartbeat]:
    """The heartbeats of one bot."""
    bot = Bot.model_construct(name="", id=heartbeat.bot_id, project_id=heartbeat.project_id)
    return [heartbeat, *(database.write_now(lambda c: a_heartbeat(c, bot)) for _ in range(3))]


def sums(database: Database) -> tuple[int, int]:
    """What the project was charged and what is reserved."""
    usage = columns(Usage)
    charged, held = database.read_now(lambda c: c.execute(select(usage.c.credits, usage.c.held)).one())
    return charged, held


@OWNERS
def test_a_budget_is_of_all_heartbeats_together(database: Database, siblings: list[Heartbeat], owner: type) -> None:
    changed(database, owner, credit_budget=5)
    openings = [opened(database, scheduled(heartbeat)) for heartbeat in siblings[:3]]
    assert [run and (run.status, run.skip_reason) for run in (opening.run for opening in openings)] == [
        ("running", None),
        ("running", None),
        ("skipped", "budget"),
    ]
    name, whose = ("bot", "its") if owner is Bot else ("project", "the project's")
    assert openings[2].reason.startswith(
        f"A step may cost up to 2 credits, and 1 of the {name}'s budget of 5 are left; raise {whose} credit_budget, "
    )
    assert openings[2].run is not None
    assert openings[2].run.error_message == openings[2].reason
    # Whoever gives back what it reserved lets the next one run.
    row = database.read_now(lambda c: heartbeat_row(c, siblings[2].uuid))
    assert (row.enabled, row.pause_reason, openings[2].schedule_changed) == (True, None, False)
    assert sums(database) == (0, 4)
    assert database.read_now(audit) == []


@OWNERS
def test_a_budget_that_is_spent_says_until_when(database: Database, siblings: list[Heartbeat], owner: type) -> None:
    changed(database, owner, credit_budget=2)
    run = opened_run(database, by_hand(siblings[0]))
    database.write_now(lambda c: settle_step(c, run.uuid, replace(CHEAP, input_tokens=1900), 1, NOW))
    name = "bot" if owner is Bot else "project"
    said = f"The {name}'s budget of 2 credits is spent; runs resume on 2026-12-01 (UTC)."
    assert opened(database, by_hand(siblings[1], "log_2")).reason == said
    next_month = NOW + timedelta(days=20)
    assert opened_run(database, by_hand(siblings[1], "log_3"), now=next_month).status == "running"


def test_a_budget_of_a_bot_is_none_of_another(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Bot, credit_budget=2)
    project = Project.model_construct(name="", id=heartbeat.project_id)
    other = database.write_now(lambda c: a_heartbeat(c, a_bot(c, project)))
    claims = [by_hand(one, f"log_{number}") for number, one in enumerate([heartbeat, other, other])]
    assert [opened_run(database, claim).status for claim in claims] == ["running"] * 3


def test_what_a_deleted_heartbeat_used_is_used(database: Database, siblings: list[Heartbeat]) -> None:
    changed(database, Bot, credit_budget=3)
    run = opened_run(database, by_hand(siblings[0]))
    database.write_now(lambda c: settle_step(c, run.uuid, replace(CHEAP, input_tokens=1900), 1, NOW))
    rows = columns(Heartbeat)
    database.write_now(
        lambda c: c.execute(update(rows).where(rows.c.id == siblings[0].id).values(deleted_at=NOW, enabled=False))
    )
    assert opened_run(database, by_hand(siblings[1], "log_2")).skip_reason == "budget"


@OWNERS
def test_a_later_step_is_held_to_the_budget_as_well(database: Database, siblings: list[Heartbeat], owner: type) -> None:
    runs = [opened_run(database, scheduled(heartbeat)) for heartbeat in siblings[:2]]
    for run in runs:
        database.write_now(lambda c, run=run: settle_step(c, run.uuid, CHEAP, 1, NOW))
    changed(database, owner, credit_budget=5)
    begun = [database.write_now(lambda c, run=run: begin_step(c, run.uuid, 2, LIMITS, NOW)) for run in runs]
    assert [step.shortage and step.shortage.owner for step in begun] == [None, "bot" if owner is Bot else "project"]
    assert sums(database) == (2, 2)
    assert database.read_now(audit) == []


@pytest.mark.parametrize(
    ("budget", "plan", "owner"), [(None, 3, "plan"), (3, None, "project"), (3, 9, "project"), (9, 3, "plan")]
)
def test_a_project_is_held_to_the_smaller_of_plan_and_budget(
    database: Database, heartbeat: Heartbeat, budget: int | None, plan: int | None, owner: str
) -> None:
    limits = replace(LIMITS, plan=lambda _: Plan(credits_per_month=plan))
    changed(database, Project, credit_budget=budget)
    run = opened_run(database, by_hand(heartbeat), limits)
    refused = opened_run(database, by_hand(heartbeat, "log_2"), limits)
    assert (run.status, refused.skip_reason) == ("running", "budget" if owner == "project" else "plan")
    database.write_now(lambda c: settle_step(c, run.uuid, replace(CHEAP, input_tokens=1900), 1, NOW))
    shortage = database.write_now(lambda c: begin_step(c, run.uuid, 2, limits, NOW)).shortage
    assert shortage is not None
    assert shortage.owner == owner


@OWNERS
def test_sixty_runs_at_once_against_a_budget_for_twenty(
    database: Database, siblings: list[Heartbeat], owner: type
) -> None:
    changed(database, owner, credit_budget=41)

    def run(number: int) -> str:
        opening = opened_run(database, by_hand(siblings[number % 4], f"log_{number}"))
        if opening.status == "running":
            database.write_now(lambda c: settle_step(c, opening.uuid, replace(CHEAP, input_tokens=1900), 1, NOW))
        return opening.status

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(run, range(60)))
    assert (statuses.count("running"), statuses.count("skipped")) == (20, 40)
    assert sums(database) == (40, 0)
    events = database.read_now(lambda c: many(c, Event, select(columns(Event)).order_by(columns(Event).c.id)))
    assert [(event.kind, event.data["level"]) for event in events] == [
        ("budget.threshold", level) for level in (50, 80)
    ]
    assert database.read_now(audit) == []


@OWNERS
def test_levels_and_what_is_left_count_what_was_given(
    database: Database, siblings: list[Heartbeat], owner: type
) -> None:
    run = opened_run(database, by_hand(siblings[0]))
    database.write_now(lambda c: settle_step(c, run.uuid, replace(CHEAP, input_tokens=1900), 1, NOW))
    changed(database, owner, credit_budget=3)
    park = database.write_now(lambda c: begin_step(c, run.uuid, 2, LIMITS, NOW)).park
    assert park is not None
    assert park.credits == 3
    database.write_now(lambda c: decide(c, park.uuid, "approved", "a test", NOW, 17))
    assert database.write_now(lambda c: begin_step(c, run.uuid, 2, LIMITS, NOW)).shortage is None
    database.write_now(lambda c: settle_step(c, run.uuid, replace(CHEAP, number=2, input_tokens=1900), 1, NOW))
    events = database.read_now(lambda c: many(c, Event, select(columns(Event))))
    assert [event.kind for event in events] == ["approval.requested"], "4 of 20 are no level"
    project = database.read_now(lambda c: exactly_one(c, Project, select(columns(Project))))
    usage = database.read_now(lambda c: spending(c, project, billing_period(project, [], None, NOW)))
    limits = ProjectLimits(budget=project.credit_budget)
    assert usage.left(limits) == (None if owner is Bot else 16)


@OWNERS
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_run_that_opened_before_there_was_a_budget_counts(
    database: Database, siblings: list[Heartbeat], owner: type
) -> None:
    engine = create_engine(database.url)
    opened_run(database, by_hand(siblings[2], "log_0"))
    with closing(engine.connect()) as first, ThreadPoolExecutor(1) as thread:
        assert open_run(first, by_hand(siblings[0]), LIMITS, NOW).run
        changed(database, owner, credit_budget=5)
        second = thread.submit(opened_run, database, by_hand(siblings[1], "log_2"))
        wait_until(lambda: waiting(database))
        first.commit()
        assert second.result(PATIENCE).skip_reason == "budget"
    engine.dispose()
    assert sums(database) == (0, 4)
