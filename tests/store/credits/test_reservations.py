"""What a step may cost is reserved before it, and nothing is ever charged beyond it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, create_engine, func, select, update

import worker
from heartbeat.domain.credits import period
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.plans import Plan
from heartbeat.store.credits.audit import audit
from heartbeat.store.credits.budgets import uses
from heartbeat.store.credits.ledger import Account, Charge, Reservation, Settlement, settle
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.runs.attempts import AttemptUsage, note_lost
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.limits import RunLimits as Rules
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import NewStep, begin_step, next_request_tokens, read_transcript, settle_step
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Attempt, Run
from heartbeat.temporal.client import connect
from tests.support.databases import waiting
from tests.support.held_credits import hold
from tests.support.model_server import ModelServer, says
from tests.support.patience import PATIENCE, wait_until
from tests.support.runs import LIMITS, by_hand, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, heartbeat_row
from tests.support.world import SANDBOX, World

CHEAP = NewStep(1, "All quiet.", "[]", "openai:scripted", 100, 50, 7)


def budget(database: Database, heartbeat: Heartbeat, credits_: int) -> None:
    rows = columns(Heartbeat)
    database.write_now(
        lambda c: c.execute(update(rows).where(rows.c.id == heartbeat.id).values(credit_budget=credits_))
    )


def entries(database: Database) -> list[tuple[str, int | None, int, int, int]]:
    table = columns(Entry)
    shown = select(table.c.kind, table.c.step, table.c.credits, table.c.held, table.c.absorbed).order_by(table.c.id)
    return database.read_now(lambda c: [tuple(row) for row in c.execute(shown) if row.kind != "period"])


def balances(database: Database, heartbeat: Heartbeat, run: Run) -> list[tuple[int, int]]:
    """Charged and held: of the run, its heartbeat, its project."""
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    now = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    usage = columns(Usage)
    project = database.read_now(lambda c: c.execute(select(usage.c.credits, usage.c.held)).one())
    return [(now.credits_charged, now.credits_held), (row.period_credits, row.period_held), tuple(project)]


def test_the_worst_case_is_held_and_the_real_cost_charged(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    assert balances(database, heartbeat, run) == [(0, 2)] * 3
    database.write_now(lambda c: settle_step(c, run.uuid, CHEAP, 1, NOW))
    assert balances(database, heartbeat, run) == [(1, 0)] * 3
    assert entries(database) == [("reserve", 1, 0, 2, 0), ("settle", 1, 1, -2, 0)]
    assert database.read_now(audit) == []


def test_what_a_provider_reports_beyond_the_reservation_is_absorbed(database: Database, run: Run) -> None:
    huge = NewStep(1, "Much.", "[]", "openai:scripted", 90_000, 500, 7)
    database.write_now(lambda c: settle_step(c, run.uuid, huge, 1, NOW))
    assert entries(database)[-1] == ("settle", 1, 2, -2, 89)
    assert database.read_now(lambda c: run_by_uuid(c, run.uuid)).tokens_used == 90_500


@pytest.mark.parametrize("status", ["error", "cancelled"])
def test_what_a_run_did_not_use_is_given_back(database: Database, heartbeat: Heartbeat, run: Run, status: str) -> None:
    for _ in range(2):
        database.write_now(lambda c: close_run(c, run.uuid, Ending(status, "x", "x"), NOW))  # type: ignore[arg-type]
    assert entries(database) == [("reserve", 1, 0, 2, 0), ("release", 1, 0, -2, 0)]
    assert balances(database, heartbeat, run) == [(0, 0)] * 3
    assert database.read_now(audit) == []


def test_an_answer_after_the_end_of_its_run_is_absorbed(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    database.write_now(lambda c: close_run(c, run.uuid, Ending("error", "step_timeout", "x"), NOW))
    database.write_now(lambda c: settle_step(c, run.uuid, CHEAP, 1, NOW))
    assert entries(database) == [("reserve", 1, 0, 2, 0), ("release", 1, 0, -2, 0), ("settle", 1, 0, 0, 1)]
    assert balances(database, heartbeat, run) == [(0, 0)] * 3, "nothing is given back twice"
    assert database.read_now(audit) == []


def test_a_budget_too_small_for_one_step_says_what_to_do(database: Database, heartbeat: Heartbeat) -> None:
    budget(database, heartbeat, 1)
    opening = database.write_now(lambda c: open_run(c, scheduled(heartbeat), LIMITS, NOW))
    assert opening.run is not None
    assert (opening.run.status, opening.run.skip_reason) == ("skipped", "budget")
    message = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).pause_message
    assert message == (
        "A step may cost up to 2 credits, and 1 of the budget of 1 are left; raise credit_budget, lower the bot's "
        "max_reply_tokens, or wait until 2026-12-01 (UTC)."
    )
    assert opening.run.error_message == message
    assert entries(database) == []


def test_the_same_step_is_held_once(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    start = NOW.replace(day=1, hour=0, minute=0)
    account = Account(project_id=run.project_id, period_start=start, heartbeat_id=run.heartbeat_id, run_id=run.id)
    assert database.write_now(lambda c: hold(c, account, Reservation(1), 2, NOW))
    assert balances(database, heartbeat, run) == [(0, 2)] * 3
    assert database.read_now(audit) == []


def test_a_later_step_that_cannot_be_paid_for_is_a_shortage(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    budget(database, heartbeat, 2)
    database.write_now(lambda c: settle_step(c, run.uuid, CHEAP, 1, NOW))
    standing = database.write_now(lambda c: begin_step(c, run.uuid, 2, LIMITS, NOW))
    assert standing.shortage is not None
    assert (standing.shortage.owner, standing.shortage.until) == ("heartbeat", datetime(2026, 12, 1, tzinfo=UTC))
    assert standing.shortage.sentence == (
        "A step may cost up to 2 credits, and 1 of the budget of 2 are left; raise credit_budget, lower the bot's "
        "max_reply_tokens, or wait until 2026-12-01 (UTC)."
    )
    assert balances(database, heartbeat, run) == [(1, 0)] * 3


def test_a_later_step_is_held_once_however_often_it_begins(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    database.write_now(lambda c: settle_step(c, run.uuid, CHEAP, 1, NOW))
    for _ in range(3):
        standing = database.write_now(lambda c: begin_step(c, run.uuid, 2, LIMITS, NOW))
        assert standing.shortage is None
    assert balances(database, heartbeat, run) == [(1, 2)] * 3
    assert database.read_now(audit) == []


def test_the_plan_of_a_project_limits_all_of_its_heartbeats(database: Database, heartbeat: Heartbeat) -> None:
    rules = Rules(lambda _: Plan(credits_per_month=5), LIMITS.model, LIMITS.max_reply_tokens)
    openings = [
        database.write_now(lambda c, n=n: open_run(c, by_hand(heartbeat, f"log_{n}"), rules, NOW)) for n in range(3)
    ]
    shown = [(opening.run.status, opening.run.skip_reason) for opening in openings if opening.run]
    assert shown == [("running", None), ("running", None), ("skipped", "plan")]
    assert openings[2].reason == "The 5 credits of the plan do not allow for a step of up to 2 any more."
    assert database.read_now(audit) == []


def the_project(connection: Connection) -> Project:
    return exactly_one(connection, Project, select(columns(Project)))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_first_runs_of_a_period_at_the_same_moment_both_run(database: Database, heartbeat: Heartbeat) -> None:
    other = database.write_now(lambda c: a_heartbeat(c, a_bot(c, the_project(c))))
    engine = create_engine(database.url)
    with closing(engine.connect()) as first, ThreadPoolExecutor(1) as thread:
        assert open_run(first, by_hand(heartbeat), LIMITS, NOW).run
        second = thread.submit(database.write_now, lambda c: open_run(c, by_hand(other, "log_2"), LIMITS, NOW))
        wait_until(lambda: waiting(database))
        first.commit()
        run = second.result(PATIENCE).run
    engine.dispose()
    assert run is not None
    assert (run.status, run.error_message) == ("running", None)
    assert database.read_now(audit) == []


def test_lost_attempts_are_written_down_once_with_what_they_cost(database: Database, run: Run) -> None:
    limits = replace(LIMITS, cost_nano_usd=lambda model, read, written: read + written)
    tokens = next_request_tokens(database.read_now(lambda c: read_transcript(c, run.uuid)), limits)
    lost = AttemptUsage(1, 2, run.model, tokens, 0, tokens)
    for _ in range(2):
        database.write_now(lambda c: note_lost(c, run.id, lost, NOW))
    database.write_now(lambda c: settle_step(c, run.uuid, NewStep(**{**vars(CHEAP), "attempt": 3}), 1, NOW))
    attempts = columns(Attempt)
    shown = select(attempts.c.attempt, attempts.c.outcome, attempts.c.input_tokens).order_by(attempts.c.attempt)
    assert database.read_now(lambda c: [tuple(row) for row in c.execute(shown)]) == [
        (1, "lost", tokens),
        (2, "lost", tokens),
        (3, "answered", 100),
    ]
    assert database.read_now(lambda c: run_by_uuid(c, run.uuid)).cost_nano_usd == 2 * tokens > 0


async def test_two_hundred_runs_at_once_against_a_budget_for_fifty(
    world: World, model: ModelServer, patient_workflows: None
) -> None:
    """Two workers; each run may cost 3 credits at the most and costs 2: never a credit over, and the books balance."""
    world.settings.step_timeout_seconds = PATIENCE
    model.reply = lambda _: says("Done.", 1200, 50)
    await asyncio.to_thread(budget, world.database, world.heartbeat, 100)
    async with AsyncExitStack() as stack:
        other = Database(world.settings.store_url())
        stack.callback(other.close)
        second = await connect(world.settings, lazy=False)
        for client, database in ((world.client, world.database), (second, other)):
            await stack.enter_async_context(worker.running_worker(client, database, world.settings, SANDBOX))
        handles = await asyncio.gather(*(world.start() for _ in range(200)))
        results = [result.status for result in await asyncio.gather(*(handle.result() for handle in handles))]
    row = await world.row()
    ran = results.count("success")
    assert row.period_credits == 2 * ran <= 100
    assert row.period_held == 0
    worst = await world.database.read(lambda c: c.execute(select(func.max(columns(Entry).c.held))).scalar_one())
    assert ran >= 100 // worst
    assert results.count("skipped") == 200 - ran
    assert len(model.requests) == ran
    assert await world.database.read(audit) == []
    charged = select(func.sum(columns(Entry).c.credits))
    assert await world.database.read(lambda c: c.execute(charged).scalar_one()) == row.period_credits


def test_an_hour_of_the_old_period_is_settled_there(database: Database, heartbeat: Heartbeat) -> None:
    end = NOW.replace(month=12, day=1, hour=0, minute=0) - timedelta(minutes=1)
    run = opened_run(database, by_hand(heartbeat), now=end)
    database.write_now(lambda c: settle_step(c, run.uuid, CHEAP, 1, end + timedelta(hours=1)))
    table = columns(Entry)
    periods = database.read_now(lambda c: set(c.execute(select(table.c.period_start)).scalars()))
    assert {period.month for period in periods} == {11}
    assert database.read_now(audit) == []


def test_what_is_settled_twice_is_charged_once_and_counts_for_no_budget(
    database: Database, heartbeat: Heartbeat, run: Run
) -> None:
    budget(database, heartbeat, 50)
    database.write_now(lambda c: begin_step(c, run.uuid, 1, LIMITS, NOW))
    held = database.read_now(lambda c: run_by_uuid(c, run.uuid)).credits_held
    account = Account(
        project_id=heartbeat.project_id, period_start=period(NOW, 1)[0], heartbeat_id=heartbeat.id, run_id=run.id
    )
    charge = Charge(1, "settle", 150, 2, held)
    first, again = (database.write_now(settle, account, charge, NOW) for _ in range(2))
    assert (first.charged, again) == (2, Settlement(2))
    assert database.read_now(uses, account, again) == []
    assert [use.owner for use in database.read_now(uses, account, first)][:1] == ["heartbeat"]
    assert balances(database, heartbeat, run)[1:] == [(2, 0), (2, 0)]
