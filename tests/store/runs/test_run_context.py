"""What a run is opened with: looked up in two statements at the most, kept with the run, and paid for."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from heartbeat.domain.credits import most_tokens
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.first_message import first_message
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.memory.memory import MemoryOwner, remember
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import NewStep, ToolCall, next_request_tokens, read_transcript, settle_step
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Finding
from heartbeat.store.tables.runs import Run
from tests.support.runs import LIMITS, by_hand, opened_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.statements import statements

HOUR = timedelta(hours=1)


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), timezone="Europe/Rome"))


def opened(database: Database, heartbeat: Heartbeat, log: str = "log_now", after: timedelta = 5 * HOUR) -> Run:
    return opened_run(database, by_hand(heartbeat, log), now=NOW + after)


def past(database: Database, heartbeat: Heartbeat, log: str, after: timedelta, answer: str, **changes: Any) -> None:
    """A run that is over."""
    run = opened(database, heartbeat, log, after)
    ending = Ending(changes.pop("status", "success"), None, changes.pop("message", None))

    def work(connection: Connection) -> None:
        settle_step(connection, run.uuid, NewStep(1, answer, "[]", run.model, 10, 10, 5), 1, NOW + after)
        if changes:
            connection.execute(update(columns(Run)).where(columns(Run).c.id == run.id).values(changes))
        close_run(connection, run.uuid, ending, NOW + after)

    database.write_now(work)


def a_finding(database: Database, heartbeat: Heartbeat, name: str, **changes: Any) -> None:
    times = {"first_seen_at": NOW, "last_seen_at": NOW}
    row = {"uuid": f"fnd_{name}", "bot_id": heartbeat.bot_id, "heartbeat_id": heartbeat.id, "fingerprint": name}
    row |= {"title": name.title(), "severity": "warning", "state": "open", "times_seen": 1, **times, **changes}
    database.write_now(lambda c: c.execute(insert(columns(Finding)).values(row)))


def test_a_first_run_knows_the_time_and_nothing_else(database: Database, heartbeat: Heartbeat) -> None:
    assert opened(database, heartbeat).opening == "It is Friday, 20 November 2026, 18:00 (Europe/Rome)."


def test_a_later_run_knows_what_went_before(database: Database, heartbeat: Heartbeat) -> None:
    past(database, heartbeat, "log_1", -24 * HOUR, "Of yesterday.")
    past(database, heartbeat, "log_2", HOUR, "Early.", report={"outcome": "ok", "summary": "Two are urgent."})
    past(database, heartbeat, "log_3", 2 * HOUR, "", status="error", message="The provider is down.")
    a_finding(database, heartbeat, "disk", severity="critical")
    a_finding(database, heartbeat, "gone", state="resolved")
    whose = MemoryOwner(heartbeat.bot_id)
    database.write_now(lambda c: [remember(c, whose, text, None, NOW) for text in ("The queue is Anna's.", "Tea.")])
    opening = opened(database, heartbeat).opening or ""
    time, last, findings, memories, thread = opening.split("\n\n")
    assert time == "It is Friday, 20 November 2026, 18:00 (Europe/Rome)."
    assert last == "The last run, on Friday, 20 November 2026, 15:00, ended as error: The provider is down."
    assert findings == "Open findings:\n- critical, since Friday, 20 November 2026, 13:00: Disk [disk]"
    [remembered] = memories.splitlines()[1:]
    assert remembered.endswith(": The queue is Anna's.")
    assert thread == "Your answers earlier today:\n- 14:00: Early."


def test_what_a_run_reported_is_how_it_ended(database: Database, heartbeat: Heartbeat) -> None:
    past(database, heartbeat, "log_1", HOUR, "x", report={"outcome": "nothing_to_report", "summary": "All quiet."})
    assert "ended as success: All quiet." in (opened(database, heartbeat).opening or "")


def test_rehearsals_and_other_heartbeats_are_no_past(database: Database, heartbeat: Heartbeat) -> None:
    past(database, heartbeat, "log_1", HOUR, "Rehearsed.", dry_run=True)
    bots = columns(Heartbeat)
    database.write_now(lambda c: c.execute(update(bots).values(last_executed_at=NOW)))
    assert (opened(database, heartbeat).opening or "").count("\n") == 0


def test_ten_findings_at_the_most(database: Database, heartbeat: Heartbeat) -> None:
    past(database, heartbeat, "log_1", HOUR, "x")
    for n in range(12):
        a_finding(database, heartbeat, f"number-{n}", last_seen_at=NOW + n * HOUR)
    opening = opened(database, heartbeat).opening or ""
    assert opening.count("- warning, since") == 10
    assert "number-1]" not in opening


def test_it_costs_two_statements_at_the_most(database: Database, heartbeat: Heartbeat) -> None:
    def count(log: str) -> int:
        with statements(database._engine) as sent:
            opened(database, heartbeat, log)
        return len(sent)

    # The first run of a period has more to write.
    opened(database, heartbeat, "log_0")
    nothing = count("log_a")
    past(database, heartbeat, "log_b", HOUR, "x")
    with_past = count("log_c")
    a_finding(database, heartbeat, "disk")
    database.write_now(lambda c: remember(c, MemoryOwner(heartbeat.bot_id), "queue", None, NOW))
    assert (with_past - nothing, count("log_d") - nothing) == (1, 2)


def test_what_it_says_is_within_what_was_reserved(database: Database, heartbeat: Heartbeat) -> None:
    whose = MemoryOwner(heartbeat.bot_id)
    database.write_now(lambda c: remember(c, whose, "queue 東京 " * 400, None, NOW))
    exact = RunLimits(LIMITS.plan, LIMITS.model, 1000, lambda _: 1000)
    run = opened_run(database, by_hand(heartbeat), exact)
    tokens = most_tokens(run.instruction, first_message(run.opening, run.prompt))
    assert tokens > 1000
    assert run.credits_held == exact.max_credits(run.model, tokens, 1000) > exact.max_credits(run.model, 200, 1000)
    standing = database.read_now(lambda c: read_transcript(c, run.uuid))
    assert next_request_tokens(standing, exact) == tokens


def test_it_stays_as_it_was(database: Database, heartbeat: Heartbeat) -> None:
    run = opened(database, heartbeat)
    database.write_now(lambda c: remember(c, MemoryOwner(heartbeat.bot_id), "the queue", None, NOW))
    again = opened(database, heartbeat, after=9 * HOUR)
    assert (again.uuid, again.opening) == (run.uuid, run.opening)
    step = NewStep(1, "", "[]", run.model, 1, 1, 1, calls=[ToolCall("recall", "c1", "{}")])
    database.write_now(lambda c: settle_step(c, run.uuid, step, 1, NOW))
    assert database.read_now(lambda c: run_by_uuid(c, run.uuid)).opening == run.opening
