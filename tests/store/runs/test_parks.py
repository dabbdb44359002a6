"""Runs that wait for credits: what they are short of, what lets them go on, and how they end."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from heartbeat.domain.budgets import BudgetOwner
from heartbeat.domain.errors import Conflict
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.heartbeats import BY_DELETION, delete_heartbeats
from heartbeat.store.notifications.events import APPROVAL
from heartbeat.store.runs.approvals import decide
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.parks import BY_LIMIT, payable_parks, unheard_parks
from heartbeat.store.runs.steps import settle_step
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Approval
from tests.support.parked_steps import NEXT_PERIOD, STEP, approval, approvals, begun, held, parked, planned
from tests.support.runs import LIMITS, by_hand, changed, opened, opened_run, scheduled
from tests.support.seeds import NOW, heartbeat_row

LIMITED: list[tuple[dict[str, int], dict[str, int], str]] = [
    ({"max_credits_per_run": 2}, {}, "1 of the 2 that this run may use are left"),
    ({}, {"max_credits_per_run": 2}, "1 of the 2 that this run may use are left"),
    ({"credit_budget": 2}, {}, "1 of the budget of 2 are left"),
    ({}, {"credits_per_month": 2}, "The 2 credits of the plan do not allow"),
]


@pytest.mark.parametrize(("limited", "plan", "why"), LIMITED)
def test_a_step_that_could_pass_a_limit_waits_holding_nothing(
    database: Database, heartbeat: Heartbeat, limited: dict[str, int], plan: dict[str, int], why: str
) -> None:
    run = parked(database, heartbeat, planned(**plan), **limited)
    for _ in range(2):
        again = begun(database, run, planned(**plan))
        assert again.shortage is not None
        assert why in again.shortage.sentence
    [row] = approvals(database)
    assert (row.reason, row.step, row.tool, row.why) == ("budget", 2, "", again.shortage.sentence)
    assert row.expires_at == NOW + timedelta(hours=24)
    assert held(database, run) == (0, True)
    kinds = database.read_now(lambda c: c.execute(select(columns(Event).c.kind)).scalars().all())
    assert kinds.count(APPROVAL) == 1, "told once"
    assert database.read_now(audit) == []


def test_a_rehearsal_asks_nobody(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, max_credits_per_run=2)
    run = opened_run(database, replace(by_hand(heartbeat), dry_run=True))
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    transcript = begun(database, run)
    assert transcript.shortage is not None
    assert transcript.park is None
    assert approvals(database) == []


RAISED: list[tuple[str, dict[str, Any], timedelta]] = [
    ("max_credits_per_run", {"max_credits_per_run": 3}, timedelta()),
    ("credit_budget", {"credit_budget": None}, timedelta()),
    ("credit_budget", {}, NEXT_PERIOD - NOW),
]


@pytest.mark.parametrize(("limit", "change", "later"), RAISED)
def test_a_limit_that_is_raised_and_a_new_period_let_it_go_on(
    database: Database, heartbeat: Heartbeat, limit: str, change: dict[str, Any], later: timedelta
) -> None:
    run = parked(database, heartbeat, **{limit: 2})
    now = NOW + later
    assert database.read_now(lambda c: payable_parks(c, LIMITS.plan, NOW)) == []
    if change:
        changed(database, Heartbeat, **change)
    assert database.read_now(lambda c: payable_parks(c, LIMITS.plan, now)) == [(run.workflow_id, 2)]
    assert begun(database, run, now=now).shortage is None
    assert held(database, run) == (2, False)
    [row] = approvals(database)
    assert (row.state, row.decided_by) == ("approved", BY_LIMIT)
    assert database.read_now(lambda c: payable_parks(c, LIMITS.plan, now)) == []
    assert database.read_now(audit) == []


def test_silence_ends_it(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, max_credits_per_run=2)
    late = NOW + timedelta(hours=24)
    for _ in range(2):
        assert approval(begun(database, run, now=late)).state == "expired"
    [row] = approvals(database)
    with pytest.raises(Conflict, match="was expired already"):
        database.write_now(lambda c: decide(c, row.uuid, "approved", "a test", late))


ENDED_BY = [("run", True, 1), ("heartbeat", False, 0), ("bot", True, 0), ("project", True, 0), ("plan", True, 0)]


@pytest.mark.parametrize(("short_of", "enabled", "failures"), ENDED_BY)
def test_its_own_cap_is_a_failure_and_its_own_budget_a_pause(
    database: Database, heartbeat: Heartbeat, short_of: BudgetOwner, enabled: bool, failures: int
) -> None:
    run = opened_run(database, scheduled(heartbeat))
    ending = Ending("error", "budget_exhausted", "Too dear.", short_of=short_of)
    database.write_now(lambda c: close_run(c, run.uuid, ending, NOW))
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.enabled, row.error_count) == (enabled, failures)


def test_a_first_step_that_alone_passes_the_cap_is_skipped_and_pauses_nothing(
    database: Database, heartbeat: Heartbeat
) -> None:
    changed(database, Heartbeat, max_credits_per_run=1)
    tick = NOW + timedelta(minutes=1)
    opening = opened(database, scheduled(heartbeat, tick), now=tick)
    assert opening.run is not None
    assert (opening.run.status, opening.run.skip_reason) == ("skipped", "budget")
    assert opening.run.error_message == (
        "A step may cost up to 2 credits, and a run may use 1 at most; raise max_credits_per_run, or lower the bot's "
        "max_reply_tokens."
    )
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).enabled


def deleted(database: Database, heartbeat: Heartbeat) -> None:
    database.write_now(lambda c: delete_heartbeats(c, columns(Heartbeat).c.bot_id == heartbeat.bot_id, NOW))


def test_nobody_is_asked_for_credits_of_a_heartbeat_that_was_deleted(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, max_credits_per_run=2)
    deleted(database, heartbeat)
    assert database.read_now(unheard_parks, 9) == [(run.workflow_id, 2)]
    transcript = begun(database, run)
    assert (transcript.shortage is None, transcript.park) == (False, None)
    assert [(row.state, row.decided_by) for row in approvals(database)] == [("denied", BY_DELETION)]


def test_a_run_whose_heartbeat_was_deleted_meanwhile_asks_nobody(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, max_credits_per_run=2)
    run = opened_run(database, by_hand(heartbeat))
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    deleted(database, heartbeat)
    transcript = begun(database, run)
    assert (transcript.shortage is None, transcript.park, approvals(database)) == (False, None, [])


def test_a_task_that_is_over_waits_for_credits_of_its_last_run(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, max_credits_per_run=2)
    changed(database, Heartbeat, deleted_at=NOW, ended_as="cancelled")
    assert approval(begun(database, run)).state == "pending"


def test_a_closed_run_is_asked_about_no_more(database: Database, heartbeat: Heartbeat) -> None:
    run = parked(database, heartbeat, max_credits_per_run=2)
    database.write_now(lambda c: close_run(c, run.uuid, Ending("cancelled"), NOW))
    assert [row.state for row in approvals(database)] == ["expired"]
    changed(database, Heartbeat, max_credits_per_run=None)
    assert database.read_now(lambda c: payable_parks(c, LIMITS.plan, NOW)) == []
    statement = update(columns(Approval)).values(state="approved")
    database.write_now(lambda c: c.execute(statement))
    assert database.read_now(lambda c: unheard_parks(c, 9)) == []
