"""Attempts that failed: what was paid for is charged once, and the next attempt is reserved for anew."""

from dataclasses import replace

from sqlalchemy import select, update

from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.attempts import AttemptUsage, FailedAttempt, note_failed, note_lost
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.details import attempts
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import NewStep, Transcript, begin_step, settle_step
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.runs import LIMITS
from tests.support.seeds import NOW

# The worst case of a first step here is 2 credits.
PAID = AttemptUsage(1, 1, "openai:scripted", 900, 200, 5)
UNPAID = AttemptUsage(1, 2, "openai:scripted")
ANSWER = NewStep(1, "All quiet.", "[]", "openai:scripted", 100, 50, 7, attempt=3)


def fail(database: Database, run: Run, usage: AttemptUsage, code: str = "bad_answer") -> None:
    database.write_now(lambda c: note_failed(c, run.uuid, FailedAttempt(usage, code), 1, NOW))


def begin(database: Database, run: Run) -> Transcript:
    return database.write_now(lambda c: begin_step(c, run.uuid, 1, LIMITS, NOW))


def codes(transcript: Transcript) -> list[str]:
    return [failure.code for failure in transcript.failures]


def entries(database: Database) -> list[tuple[str, int, int]]:
    table = columns(Entry)
    shown = select(table.c.kind, table.c.credits, table.c.held).where(table.c.run_id.is_not(None)).order_by(table.c.id)
    return database.read_now(lambda c: [tuple(row) for row in c.execute(shown)])


def test_a_paid_failure_is_charged_once_and_reserved_for_anew(database: Database, run: Run) -> None:
    fail(database, run, PAID)
    fail(database, run, PAID)
    after = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (after.credits_charged, after.credits_held, after.tokens_used, after.cost_nano_usd) == (2, 0, 1100, 5)
    for _ in range(2):
        transcript = begin(database, run)
    assert (codes(transcript), transcript.shortage) == (["bad_answer"], None)
    fail(database, run, UNPAID, "unreachable")
    assert codes(begin(database, run)) == ["bad_answer", "unreachable"]
    database.write_now(lambda c: settle_step(c, run.uuid, ANSWER, 1, NOW))
    assert entries(database) == [("reserve", 0, 2), ("failed-1", 2, -2), ("reserve-2", 0, 2), ("settle", 1, -2)]
    after = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (after.credits_charged, after.credits_held, after.tokens_used) == (3, 0, 1250)
    assert database.read_now(audit) == []


def test_every_attempt_shows_what_it_used_and_why_it_failed(database: Database, run: Run) -> None:
    fail(database, run, PAID)
    begin(database, run)
    fail(database, run, UNPAID, "unreachable")
    database.write_now(lambda c: settle_step(c, run.uuid, ANSWER, 1, NOW))
    shown = [
        (row.attempt, row.outcome, row.failure_code, row.input_tokens, row.output_tokens)
        for row in database.read_now(lambda c: attempts(c, run.id))
    ]
    assert shown == [
        (1, "failed", "bad_answer", 900, 200),
        (2, "failed", "unreachable", 0, 0),
        (3, "answered", None, 100, 50),
    ]


def test_a_budget_bounds_attempts_that_fail(database: Database, heartbeat: Heartbeat, run: Run) -> None:
    rows = columns(Heartbeat)
    database.write_now(lambda c: c.execute(update(rows).where(rows.c.id == heartbeat.id).values(credit_budget=3)))
    fail(database, run, PAID)
    transcript = begin(database, run)
    assert (transcript.shortage and transcript.shortage.owner) == "heartbeat"
    after = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (after.credits_charged, after.credits_held) == (2, 0)
    assert database.read_now(audit) == []


def test_a_run_that_ends_after_a_paid_failure_holds_nothing(database: Database, run: Run) -> None:
    fail(database, run, PAID)
    begin(database, run)
    database.write_now(lambda c: close_run(c, run.uuid, Ending("cancelled"), NOW))
    after = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (after.credits_charged, after.credits_held) == (2, 0)
    assert entries(database)[-1] == ("release", 0, -2)
    # Too late: counted, and the operator's loss.
    fail(database, run, AttemptUsage(1, 2, "openai:scripted", 900, 200))
    after = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert (after.credits_charged, after.credits_held, after.tokens_used) == (2, 0, 2200)
    assert database.read_now(audit) == []


def test_one_that_answers_after_it_was_taken_for_lost_has_answered(database: Database, run: Run) -> None:
    """Its worker stood still, and went on before the next attempt had an answer."""
    database.write_now(lambda c: note_lost(c, run.id, PAID, NOW))
    late = replace(ANSWER, attempt=1, cost_nano_usd=3)
    for _ in range(2):
        database.write_now(lambda c: settle_step(c, run.uuid, late, 1, NOW))
    [attempt] = database.read_now(lambda c: attempts(c, run.id))
    used = (attempt.input_tokens, attempt.output_tokens, attempt.cost_nano_usd)
    assert (attempt.outcome, used) == ("answered", (100, 50, 3))
    assert database.read_now(lambda c: run_by_uuid(c, run.uuid)).cost_nano_usd == 3
    assert database.read_now(audit) == []


def test_one_that_was_taken_for_lost_stays_so_if_another_has_answered(database: Database, run: Run) -> None:
    database.write_now(lambda c: note_lost(c, run.id, PAID, NOW))
    for number in (2, 1):
        database.write_now(lambda c, number=number: settle_step(c, run.uuid, replace(ANSWER, attempt=number), 1, NOW))
    assert [row.outcome for row in database.read_now(lambda c: attempts(c, run.id))] == ["lost", "answered"]
    assert database.read_now(lambda c: run_by_uuid(c, run.uuid)).cost_nano_usd == PAID.cost_nano_usd
