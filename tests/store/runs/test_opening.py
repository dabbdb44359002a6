"""A tick is claimed once, and every *no* has its reason."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.plans import Plan
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.tick_accounting import start_delay_of
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import Opening, open_run
from heartbeat.store.runs.steps import NewStep, settle_step
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import BudgetWarning, DailyRollup
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from tests.support.runs import LIMITS, TICK, by_hand, changed, opened, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), credit_budget=None))


def count_runs(database: Database) -> int:
    return database.read_now(lambda c: c.execute(select(func.count()).select_from(columns(Run))).scalar_one())


def test_a_tick_becomes_a_run_with_the_prompt_as_it_was(database: Database, heartbeat: Heartbeat) -> None:
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    assert (run.status, run.trigger, run.scheduled_for) == ("running", "schedule", TICK)
    assert (run.prompt, run.instruction, run.model) == (heartbeat.prompt, "Be brief.", "openai:scripted")
    assert run.uuid.startswith("log_")


def test_a_tick_is_run_once_whichever_workflow_asks(database: Database, heartbeat: Heartbeat) -> None:
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), NOW))
    second = opened(database, scheduled(heartbeat, workflow="a backfill"))
    assert second == Opening(None, "this tick has its log already")
    assert count_runs(database) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"deleted_at": NOW}, "the heartbeat was deleted"),
        ({"enabled": False}, "the heartbeat is not enabled"),
        ({"cron_pattern": "30 * * * *"}, "the cadence has no such tick"),
    ],
)
def test_a_phantom_tick_leaves_nothing(
    database: Database, heartbeat: Heartbeat, change: dict[str, object], why: str
) -> None:
    changed(database, Heartbeat, **change)
    assert opened(database, scheduled(heartbeat)) == Opening(None, why)
    assert count_runs(database) == 0


def test_a_tick_before_it_was_enabled_is_none_though_it_would_start_later(database: Database) -> None:
    values = {"uuid": "hb_late", "jitter_seconds": 59, "accounted_until": TICK + timedelta(seconds=1)}
    late = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), **values))
    assert start_delay_of(late) > timedelta(seconds=1)
    assert opened(database, scheduled(late)) == Opening(None, "the heartbeat was not due yet at this tick")


def test_a_heartbeat_that_never_was_is_a_phantom(database: Database, heartbeat: Heartbeat) -> None:
    assert opened(database, replace(scheduled(heartbeat), heartbeat_uuid="hb_gone")).run is None


def test_a_tick_during_a_run_is_skipped_and_logged(database: Database, heartbeat: Heartbeat) -> None:
    opened(database, by_hand(heartbeat))
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    assert (run.status, run.skip_reason, run.duration_ms) == ("skipped", "overlap", 0)
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.skipped_count, row.last_status, row.error_count) == (1, "skipped", 0)
    rollup = database.read_now(lambda c: c.execute(select(columns(DailyRollup))).one())
    assert (rollup.day, rollup.skipped, rollup.success, rollup.tokens) == ("2026-11-20", 1, 0, 0)


def test_manual_runs_wait_for_nobody(database: Database, heartbeat: Heartbeat) -> None:
    for number in range(5):
        run = opened(database, by_hand(heartbeat, f"log_{number}")).run
        assert run is not None
        assert (run.status, run.uuid) == ("running", f"log_{number}")


def test_a_manual_run_needs_no_enabled_heartbeat(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, enabled=False)
    run = opened(database, by_hand(heartbeat)).run
    assert run is not None
    assert run.status == "running"


@pytest.mark.parametrize("switch", [{"heartbeat": False}, {"status": False}])
def test_a_bot_switched_off_skips(database: Database, heartbeat: Heartbeat, switch: dict[str, object]) -> None:
    changed(database, Bot, **switch)
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    assert run.skip_reason == "disabled_bot"


def test_a_plan_without_heartbeats_skips(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Project, plan="free")
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    assert run.skip_reason == "plan"


def spend(database: Database, heartbeat: Heartbeat, tokens: int, now: datetime = NOW) -> None:
    """One whole run that costs a credit for each started thousand tokens."""
    step = NewStep(1, "done", "[]", "openai:scripted", tokens, 0, 5)

    def work(connection: Connection) -> None:
        run = open_run(connection, by_hand(heartbeat, f"log_{now:%s%f}"), LIMITS, now).run
        assert run is not None
        settle_step(connection, run.uuid, step, 1, now)
        close_run(connection, run.uuid, Ending("success"), now)

    database.write_now(work)


def test_a_spent_budget_skips_the_next_tick_and_pauses_until_the_period_ends(
    database: Database, heartbeat: Heartbeat
) -> None:
    changed(database, Heartbeat, credit_budget=2)
    spend(database, heartbeat, 1999)
    opening = opened(database, scheduled(heartbeat))
    assert opening.run is not None
    assert (opening.run.skip_reason, opening.schedule_changed) == ("budget", True)
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.enabled, row.pause_reason, row.version) == (False, "budget", 2)
    assert row.pause_message == "The budget of 2 credits is spent; runs resume on 2026-12-01 (UTC)."


@pytest.mark.parametrize(("budget", "enabled", "goes_on"), [(9, None, 1), (None, None, 1), (1, None, 0), (9, False, 0)])
def test_a_budget_that_is_raised_lifts_its_pause(
    database: Database, heartbeat: Heartbeat, budget: int | None, enabled: bool | None, goes_on: int
) -> None:
    changed(database, Heartbeat, credit_budget=2)
    spend(database, heartbeat, 1999)
    opened(database, scheduled(heartbeat))
    paused = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    row = database.write_now(lambda c: states.change(c, paused, {"credit_budget": budget}, enabled, NOW))
    assert (paused.pause_cause, row.enabled, row.version > paused.version) == ("budget", bool(goes_on), budget != 1)
    assert (row.pause_cause is None) == (budget != 1)
    if goes_on:
        run = opened(database, scheduled(heartbeat, TICK + timedelta(minutes=1)), now=NOW + timedelta(minutes=1)).run
        assert run is not None
        assert run.status == "running"


def test_a_new_period_brings_a_fresh_budget(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, credit_budget=2)
    spend(database, heartbeat, 1999, now=NOW - timedelta(days=30))
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    assert run.status == "running"


def test_a_manual_run_is_held_to_the_budget_but_pauses_nothing(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, credit_budget=2)
    spend(database, heartbeat, 10)
    opening = opened(database, by_hand(heartbeat))
    assert opening.run is not None
    assert (opening.run.skip_reason, opening.schedule_changed) == ("budget", False)
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).enabled


def test_a_run_asks_only_models_that_the_plan_allows(database: Database, heartbeat: Heartbeat) -> None:
    changed(database, Heartbeat, fallback_models=["anthropic:claude-x", "openai:Other", "google:gemini-x"])
    allowed = replace(LIMITS, plan=lambda _: Plan(models=["openai:*", "anthropic:claude-x"]))
    run = opened(database, scheduled(heartbeat), allowed).run
    assert (run.status, run.model, run.fallback_models) == (
        "running",
        "openai:scripted",
        ["anthropic:claude-x", "openai:Other"],
    )
    refused = replace(LIMITS, plan=lambda _: Plan(models=["anthropic:claude-x"]))
    run = opened(database, by_hand(heartbeat), refused).run
    assert (run.status, run.skip_reason, run.credits_held) == ("skipped", "plan", 0)
    assert "does not allow the model openai:scripted; choose one of these: anthropic:claude-x." in run.error_message


def test_the_plans_monthly_credits_hold_for_the_whole_project(database: Database, heartbeat: Heartbeat) -> None:
    spend(database, heartbeat, 3000)
    limits = replace(LIMITS, plan=lambda _: Plan(credits_per_month=3))
    run = opened(database, scheduled(heartbeat), limits).run
    assert run is not None
    assert run.skip_reason == "plan"
    warning = columns(BudgetWarning)
    told = database.read_now(lambda c: c.execute(select(warning.c.owner, warning.c.level)).all())
    assert told == [("plan", 100)]
