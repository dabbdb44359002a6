"""A run is charged once and closed once, however often it is tried."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from heartbeat.domain.contracts import CloseRunResult
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.ledger import period_credits
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import NewStep, begin_step, settle_step, steps
from heartbeat.store.tables.credits import DailyRollup, Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.runs import LIMITS, by_hand, changed, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row

STEP = NewStep(1, "All quiet.", "[]", "openai:scripted", 1200, 50, 7)
LATER = NOW + timedelta(seconds=4)
PERIOD = datetime(2026, 11, 1, tzinfo=NOW.tzinfo)


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), max_consecutive_errors=2))


def rows(database: Database, table: type) -> list[Any]:
    return database.read_now(lambda c: list(c.execute(select(columns(table)))))


def test_a_step_is_written_and_charged_once(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    for _ in range(3):
        stored, _ = database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
        assert stored.answer == "All quiet."
    period, reserve, settle = rows(database, Entry)
    assert (period.kind, period.key) == ("period", "period:2026-11-01")
    assert (reserve.kind, reserve.step, reserve.credits, reserve.held) == ("reserve", 1, 0, 2)
    assert (settle.kind, settle.step, settle.credits, settle.held, settle.tokens) == ("settle", 1, 2, -2, 1250)
    assert {reserve.period_start, settle.period_start} == {PERIOD}
    assert len(database.read_now(lambda c: steps(c, run.id))) == 1
    charged = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (charged.tokens_used, charged.credits_charged) == (1250, 2)
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).period_credits == 2
    assert database.read_now(lambda c: period_credits(c, run.project_id, PERIOD)) == 2


def test_a_repeated_step_keeps_the_first_answer(database: Database, run: Run) -> None:
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    other = NewStep(1, "Something else.", "[]", "openai:scripted", 9000, 9000, 7, attempt=2)
    assert database.write_now(lambda c: settle_step(c, run.uuid, other, 1, NOW))[0].answer == "All quiet."
    assert database.read_now(lambda c: run_by_uuid(c, run.uuid)).credits_charged == 2


def test_the_running_sum_begins_again_with_each_period(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    december = NOW + timedelta(days=20)
    database.write_now(lambda c: begin_step(c, run.uuid, 2, LIMITS, december))
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.period_credits, row.period_held) == (0, 3)
    second = replace(STEP, number=2, input_tokens=900)
    database.write_now(lambda c: settle_step(c, run.uuid, second, 1, december + timedelta(days=31)))
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.period_credits, row.period_held) == (1, 0)
    assert row.period_start == datetime(2026, 12, 1, tzinfo=NOW.tzinfo)


def test_a_success_is_a_log_with_its_answer(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    closing = database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), LATER))
    assert closing == CloseRunResult("success", schedule_changed=False)
    log = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (log.status, log.response, log.duration_ms, log.error_message) == ("success", "All quiet.", 4000, None)
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.success_count, row.error_count, row.last_status, row.last_executed_at) == (1, 0, "success", NOW)
    [rollup] = rows(database, DailyRollup)
    assert (rollup.success, rollup.error, rollup.duration_ms, rollup.tokens, rollup.credits) == (1, 0, 4000, 1250, 2)


def test_a_day_may_come_to_more_than_32_bits_hold(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    changed(database, Run, tokens_used=2**31, started_at=NOW - timedelta(days=30))
    database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), NOW))
    [rollup] = rows(database, DailyRollup)
    assert (rollup.tokens, rollup.duration_ms) == (2**31, 30 * 86_400_000)


def test_closing_twice_changes_nothing(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    database.write_now(lambda c: close_run(c, run.uuid, Ending("error", "key_rejected", "No."), LATER))
    before = rows(database, Heartbeat), rows(database, Run), rows(database, DailyRollup)
    again = database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), LATER + timedelta(hours=1)))
    assert again.status == "error"
    assert (rows(database, Heartbeat), rows(database, Run), rows(database, DailyRollup)) == before


def fail(database: Database, heartbeat: Heartbeat, minute: int) -> CloseRunResult:
    tick = NOW + timedelta(minutes=minute)
    run = opened_run(database, scheduled(heartbeat, tick), now=tick)
    return database.write_now(lambda c: close_run(c, run.uuid, Ending("error", "key_rejected", "No key."), tick))


def test_the_streak_pauses_at_its_limit_and_the_schedule_must_follow(database: Database, heartbeat: Heartbeat) -> None:
    assert fail(database, heartbeat, 1).schedule_changed is False
    assert fail(database, heartbeat, 2).schedule_changed is True
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.enabled, row.pause_reason, row.error_count, row.total_error_count) == (False, "errors", 2, 2)
    assert row.pause_message == "Failed 2 times in a row; the last error: No key. Mend it, then enable again."
    assert row.version == 2


def test_a_success_between_failures_starts_the_count_again(database: Database, heartbeat: Heartbeat) -> None:
    fail(database, heartbeat, 1)
    tick = NOW + timedelta(minutes=2)
    run = opened_run(database, scheduled(heartbeat, tick), now=tick)
    database.write_now(lambda c: close_run(c, run.uuid, Ending("success"), tick))
    assert fail(database, heartbeat, 3).schedule_changed is False
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.enabled, row.error_count, row.total_error_count) == (True, 1, 2)


def test_manual_failures_are_logged_and_pause_nothing(database: Database, heartbeat: Heartbeat) -> None:
    for number in range(3):
        run = opened_run(database, by_hand(heartbeat, f"log_{number}"))
        closing = database.write_now(lambda c: close_run(c, run.uuid, Ending("error", "key_rejected", "No."), NOW))
        assert closing.schedule_changed is False
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.enabled, row.error_count, row.total_error_count) == (True, 0, 3)


def test_a_cancelled_run_keeps_what_it_was_charged(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    database.write_now(lambda c: settle_step(c, run.uuid, STEP, 1, NOW))
    database.write_now(lambda c: close_run(c, run.uuid, Ending("cancelled", "cancelled", "Cancelled."), LATER))
    log = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (log.status, log.credits_charged) == ("cancelled", 2)
    assert database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid)).cancelled_count == 1


async def test_a_herd_at_once_is_charged_exactly(database: Database, heartbeat: Heartbeat) -> None:
    """Forty runs open, settle twice and close side by side; every sum equals its entries."""
    import asyncio

    async def whole(number: int) -> None:
        opening = await database.write(lambda c: open_run(c, by_hand(heartbeat, f"log_{number}"), LIMITS, NOW))
        assert opening.run is not None
        uuid = opening.run.uuid
        await asyncio.gather(*(database.write(lambda c: settle_step(c, uuid, STEP, 1, NOW)) for _ in range(2)))
        await database.write(lambda c: close_run(c, uuid, Ending("success"), LATER))

    await asyncio.gather(*(whole(number) for number in range(40)))
    entries = await database.read(lambda c: c.execute(select(func.sum(columns(Entry).c.credits))).scalar_one())
    row = await database.read(lambda c: heartbeat_row(c, heartbeat.uuid))
    [rollup] = await database.read(lambda c: list(c.execute(select(columns(DailyRollup)))))
    used = await database.read(lambda c: period_credits(c, heartbeat.project_id, PERIOD))
    assert (entries, row.period_credits, rollup.credits, used) == (80, 80, 80, 80)
    assert (row.success_count, rollup.success) == (40, 40)
