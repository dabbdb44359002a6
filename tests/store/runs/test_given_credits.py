"""What a person gives runs that wait for credits: to whom it goes, for how long, and that nothing is charged beyond."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.field_types import MAX_NUMBER
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.approvals import decide
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.parks import give, lock, unheard_parks
from heartbeat.store.runs.steps import begin_step, settle_step
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.parked_steps import (
    NEXT_PERIOD,
    STEP,
    approval,
    approvals,
    begun,
    close,
    decided,
    held,
    parked,
    planned,
)
from tests.support.runs import LIMITS, by_hand, changed, opened, opened_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row

SHORT = pytest.mark.parametrize(
    ("owner", "limit"),
    [
        (Heartbeat, "max_credits_per_run"),
        (Heartbeat, "credit_budget"),
        (Bot, "credit_budget"),
        (Project, "credit_budget"),
    ],
)
BUDGET_OF = pytest.mark.parametrize("owner", [Bot, Project])


@SHORT
def test_what_is_given_lets_it_go_on(database: Database, heartbeat: Heartbeat, owner: type, limit: str) -> None:
    run = parked(database, heartbeat, owner=owner, **{limit: 2})
    with pytest.raises(Invalid, match="must be at least 1: the next step may cost so much"):
        decided(database, credits_given=0)
    assert decided(database).credits == 1
    assert decided(database).credits == 1, "the same answer again gives nothing more"
    assert database.read_now(lambda c: unheard_parks(c, 9)) == [(run.workflow_id, 2)]
    assert begun(database, run).shortage is None
    assert held(database, run) == (2, False)
    assert database.read_now(lambda c: unheard_parks(c, 9)) == []
    [row] = approvals(database)
    assert (row.state, row.decided_by) == ("approved", "a test")
    with pytest.raises(Conflict, match="was approved already"):
        decided(database, "denied")
    assert database.read_now(audit) == []


@SHORT
def test_the_most_that_can_be_given_is_given_once(
    database: Database, heartbeat: Heartbeat, owner: type, limit: str
) -> None:
    run = parked(database, heartbeat, owner=owner, **{limit: 2})
    decided(database, credits_given=MAX_NUMBER)
    assert begun(database, run).shortage is None
    database.write_now(lambda c: settle_step(c, run.uuid, replace(STEP, number=2), 1, NOW))
    [row] = approvals(database)
    with pytest.raises(Invalid) as refused:
        database.write_now(lambda c: give(c, lock(c, row), row, 1_000_000, NOW))
    assert refused.value.details[0].field == "credits"
    assert database.read_now(audit) == []


def test_what_is_given_to_a_heartbeat_is_for_this_period_alone(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, credit_budget=2)
    decided(database, credits_given=40)
    close(database, run)
    assert opened_run(database, by_hand(heartbeat, "log_2")).status == "running"
    later = opened(database, by_hand(heartbeat, "log_3"), now=NEXT_PERIOD)
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).period_granted == 0
    assert later.run is not None
    assert opened(database, by_hand(heartbeat, "log_4"), now=NEXT_PERIOD).reason.startswith(
        "A step may cost up to 2 credits, and 0 of the budget of 2 "
    )


@pytest.mark.parametrize("credits_given", [1, 5])
def test_a_heartbeat_is_given_credits_of_a_period_in_which_it_used_none(
    database: Database, heartbeat: Heartbeat, credits_given: int
) -> None:
    """Its run is older than the period, and the first that needs credits of it."""
    run = opened_run(database, by_hand(heartbeat))
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    changed(database, Heartbeat, credit_budget=1)
    row = approval(begun(database, run, now=NEXT_PERIOD))
    database.write_now(lambda c: decide(c, row.uuid, "approved", "a test", NEXT_PERIOD, credits_given))
    assert begun(database, run, now=NEXT_PERIOD).shortage is None
    given_row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (given_row.period_start, given_row.period_credits) == (NEXT_PERIOD, 0)
    assert (given_row.period_held, given_row.period_granted) == (2, credits_given)
    assert database.read_now(audit) == []


@BUDGET_OF
def test_what_is_given_to_a_bot_or_a_project_is_for_this_period_alone(
    database: Database, heartbeat: Heartbeat, owner: type
) -> None:
    run = parked(database, heartbeat, owner=owner, credit_budget=2)
    decided(database, credits_given=40)
    close(database, run)
    assert opened_run(database, by_hand(heartbeat, "log_2")).status == "running", "whoever else it pays for"
    assert opened(database, by_hand(heartbeat, "log_3"), now=NEXT_PERIOD).reason == ""
    name = "bot" if owner is Bot else "project"
    assert opened(database, by_hand(heartbeat, "log_4"), now=NEXT_PERIOD).reason.startswith(
        f"A step may cost up to 2 credits, and 0 of the {name}'s budget of 2 "
    )
    assert database.read_now(audit) == []


@BUDGET_OF
def test_what_is_given_too_late_leaves_the_new_period_alone(
    database: Database, heartbeat: Heartbeat, owner: type
) -> None:
    changed(database, Heartbeat, approval_timeout_hours=720)
    parked(database, heartbeat, owner=owner, credit_budget=2)
    [row] = approvals(database)
    database.write_now(lambda c: decide(c, row.uuid, "approved", "a test", NEXT_PERIOD, 40))
    assert opened(database, by_hand(heartbeat, "log_2"), now=NEXT_PERIOD).reason == ""
    assert "budget of 2 " in opened(database, by_hand(heartbeat, "log_3"), now=NEXT_PERIOD).reason


@BUDGET_OF
def test_more_is_given_on_top_of_what_was_given(database: Database, heartbeat: Heartbeat, owner: type) -> None:
    run = parked(database, heartbeat, owner=owner, credit_budget=2)
    for number in (2, 3):
        decided(database, credits_given=1)
        step = replace(STEP, number=number)
        assert database.write_now(lambda c, n=number: begin_step(c, run.uuid, n, LIMITS, NOW)).shortage is None
        database.write_now(lambda c, step=step: settle_step(c, run.uuid, step, 1, NOW))
        waits = database.write_now(lambda c, n=number: begin_step(c, run.uuid, n + 1, LIMITS, NOW))
        assert f"1 of the {'bot' if owner is Bot else 'project'}'s budget of {number + 1} are" in approval(waits).why
    assert database.read_now(audit) == []


def test_the_credits_of_the_plan_are_not_given(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, planned(credits_per_month=2))
    with pytest.raises(Invalid, match="raise the limit that it names"):
        decided(database)
    assert decided(database, "denied").state == "denied"
    assert approval(begun(database, run, planned(credits_per_month=2))).state == "denied"


def test_who_was_given_too_little_waits_again(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, max_credits_per_run=2, credit_budget=2)
    decided(database)
    assert approval(begun(database, run)).why.startswith("A step may cost up to 2 credits, and 1 of the budget of 2")
    assert [(row.state, row.round) for row in approvals(database)] == [("approved", 1), ("pending", 2)]
    assert database.read_now(lambda c: unheard_parks(c, 9)) == []
    decided(database)
    assert begun(database, run).shortage is None


def test_two_hundred_runs_against_their_caps_and_a_budget(database: Database) -> None:
    """Two steps of each, given more at random, on several threads: never a credit over, and the books balance."""
    heartbeat = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), max_credits_per_run=3))
    changed(database, Heartbeat, credit_budget=250)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: walk(database, heartbeat, number), range(200)))
    rows = database.read_now(lambda c: many(c, Run, select(columns(Run))))
    assert len(rows) == 200
    assert all(run.credits_charged <= 3 + run.credits_granted for run in rows)
    assert max(run.credits_charged for run in rows) > 3, "some were given more"
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert sum(run.credits_charged for run in rows) == row.period_credits <= 250 + row.period_granted
    assert database.read_now(audit) == []


def walk(database: Database, heartbeat: Heartbeat, number: int) -> None:
    """One run: two steps that cost 1 or 2, and what a person may say when it waits."""
    chance = random.Random(number)

    def step(work: Callable[[Connection], Any]) -> Any:
        return database.write_now(work)

    run = step(lambda c: open_run(c, by_hand(heartbeat, f"log_{number}"), LIMITS, NOW)).run
    for taken in range(1, 3):
        if run.status != "running" or (taken > 1 and not goes_on(database, run, taken, chance)):
            break
        tokens = chance.choice((150, 1_400))
        answer = replace(STEP, number=taken, input_tokens=100, output_tokens=tokens)
        step(lambda c, answer=answer: settle_step(c, run.uuid, answer, 1, NOW))
    if run.status == "running":
        step(lambda c: close_run(c, run.uuid, Ending("success"), NOW))


def goes_on(database: Database, run: Run, number: int, chance: random.Random) -> bool:
    for _ in range(3):
        transcript = database.write_now(lambda c: begin_step(c, run.uuid, number, LIMITS, NOW))
        if transcript.shortage is None:
            return True
        if chance.random() < 0.5:
            return False
        uuid = approval(transcript).uuid
        database.write_now(lambda c, uuid=uuid: decide(c, uuid, "approved", "a test", NOW))
    return False


@SHORT
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_one_yes_is_given_once_by_many_at_the_same_moment(
    database: Database, heartbeat: Heartbeat, owner: type, limit: str
) -> None:
    run = parked(database, heartbeat, owner=owner, **{limit: 2})
    [row] = approvals(database)
    with ThreadPoolExecutor(4) as threads:
        works = [
            lambda c: decide(c, row.uuid, "approved", "a test", NOW),
            lambda c: begin_step(c, run.uuid, 2, LIMITS, NOW),
        ]
        list(threads.map(database.write_now, works * 4))
    assert given(database) == 1
    assert [row.round for row in approvals(database)] == [1], "who waited for the yes sees what it gave"
    assert begun(database, run).shortage is None
    assert database.read_now(audit) == []


def given(database: Database) -> int:
    """All that was given beyond caps and budgets."""
    sums = [
        columns(Run).c.credits_granted,
        columns(Heartbeat).c.period_granted,
        columns(Bot).c.period_granted,
        columns(Usage).c.budget_granted,
    ]
    return sum(database.read_now(lambda c: c.execute(select(column)).scalar_one()) for column in sums)
