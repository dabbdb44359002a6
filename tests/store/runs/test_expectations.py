"""A run is held to what is expected of it when it is closed, by what its steps record. Its model is told once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from heartbeat.domain.contracts import CloseRunResult
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import NewStep, ToolCall, settle_step, steps
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run, Step
from tests.support.runs import by_hand, opened_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.store_world import StoreWorld, settings, world  # noqa: F401 - fixtures

ANSWER = NewStep(1, "All quiet.", "[]", "openai:scripted", 1200, 50, 7)
REPORT = {"outcome": "ok", "summary": "Two tickets."}
OPEN = {"type": "object", "required": ["open"]}


def expecting(database: Database, expect: dict[str, Any], **fields: Any) -> Run:
    heartbeat = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), expect=expect, **fields))
    return opened_run(database, by_hand(heartbeat))


def settled(database: Database, run: Run, step: NewStep) -> Step:
    return database.write_now(lambda c: settle_step(c, run.uuid, step, 1, NOW))[0]


def called(database: Database, run: Run, tool: str, **outcome: Any) -> None:
    """A first answer that calls a tool, and the call as it went."""
    settled(database, run, replace(ANSWER, calls=[ToolCall(tool, "c1", "{}")]))

    def finish(connection: Connection) -> None:
        done = {"state": "done", **outcome}
        connection.execute(update(columns(Step)).where(columns(Step).c.kind == "tool").values(done))

    database.write_now(finish)


def closed(database: Database, run: Run, ending: Ending = Ending("success")) -> Run:  # noqa: B008
    result = database.write_now(lambda c: close_run(c, run.uuid, ending, NOW + timedelta(seconds=4)))
    log = database.read_now(lambda c: run_by_uuid(c, run.uuid))
    assert result == CloseRunResult(log.status)
    return log


CALLS: dict[str, tuple[dict[str, Any], str | None]] = {
    "one that succeeded": ({}, None),
    "one that a rehearsal wrote down": ({"failure_code": "rehearsed"}, None),
    "one that failed": ({"failure_code": "failed"}, "without success"),
    "one that a person denied": ({"failure_code": "refused"}, "without success"),
    "one of which nobody knows": ({"state": "called"}, "without success"),
    "another tool": ({"name": "desk__look"}, "It did not call desk__close."),
}


@pytest.mark.parametrize(("outcome", "words"), CALLS.values(), ids=CALLS)
def test_a_call_counts_as_it_is_recorded(database: Database, outcome: dict[str, Any], words: str | None) -> None:
    run = expecting(database, {"called": ["desk__close"]}, max_steps=3)
    called(database, run, "desk__close", **outcome)
    settled(database, run, replace(ANSWER, number=3))
    log = closed(database, run)
    assert (log.status, log.error_code, log.expect_met) == (
        ("success", None, True) if words is None else ("error", "unverified", False)
    )
    assert (words or "") in (log.error_message or "")


def test_a_model_is_told_once_what_is_missing(database: Database) -> None:
    run = expecting(database, {"report": "required"})
    first = settled(database, run, ANSWER)
    assert (first.failure_code, first.failure, first.final) == ("unverified", "It ended without a report.", False)
    assert "It ended without a report." in (first.reminder or "")
    again = settled(database, run, replace(ANSWER, answer="Something else."))
    assert (again.reminder, again.answer) == (first.reminder, "All quiet.")
    second = settled(database, run, replace(ANSWER, number=2, answer="As I said."))
    assert (second.reminder, second.final) == (None, True)
    log = closed(database, run)
    assert (log.status, log.error_code, log.expect_met) == ("error", "unverified", False)
    assert log.error_message == "The run did not do what is expected of it. It ended without a report."
    assert log.response == "All quiet.\n\nAs I said."


def test_a_report_of_failure_needs_no_more(database: Database) -> None:
    run = expecting(database, {"report": "required", "called": ["desk__close"]})
    database.write_now(lambda c: c.execute(update(columns(Run)).values(report={**REPORT, "outcome": "failed"})))
    assert settled(database, run, ANSWER).reminder is None
    log = closed(database, run)
    assert (log.error_code, log.expect_met) == ("reported_failure", None)


@pytest.mark.parametrize(("max_steps", "is_told"), [(1, False), (3, False), (4, True)])
def test_a_model_is_told_only_where_steps_are_left(database: Database, max_steps: int, is_told: bool) -> None:
    run = expecting(database, {"report": "required"}, max_steps=max_steps)
    assert (settled(database, run, ANSWER).reminder is not None) == is_told


def test_an_answer_that_is_of_no_use_is_what_it_is(database: Database) -> None:
    run = expecting(database, {"report": "required"})
    cut = replace(ANSWER, failure_code="cut_off", failure="Cut off.")
    assert settled(database, run, cut).reminder is None
    log = closed(database, run, Ending("error", "cut_off", "Cut off."))
    assert (log.error_code, log.expect_met) == ("cut_off", None)


def test_a_run_is_held_to_what_was_expected_when_it_began(database: Database) -> None:
    run = expecting(database, {"answer": {"json_schema": OPEN}}, max_steps=1)
    database.write_now(lambda c: c.execute(update(columns(Heartbeat)).values(expect={"report": "required"})))
    settled(database, run, replace(ANSWER, answer='```json\n{"open": 3}\n```'))
    log = closed(database, run)
    assert (log.status, log.response, log.expect_met) == ("success", '{"open": 3}', True)


def test_of_several_answers_the_one_that_fits_is_the_response(database: Database) -> None:
    run = expecting(database, {"answer": {"json_schema": OPEN}})
    assert "no JSON" in (settled(database, run, ANSWER).reminder or "")
    assert settled(database, run, replace(ANSWER, number=2, answer='{"open": 3}')).reminder is None
    assert closed(database, run).response == '{"open": 3}'


def test_words_beside_a_report_may_be_the_answer(database: Database) -> None:
    run = expecting(database, {"report": "required", "answer": {"matches": "^All"}})
    called(database, run, "report")
    database.write_now(lambda c: c.execute(update(columns(Run)).values(report=REPORT)))
    settled(database, run, replace(ANSWER, number=3, answer="Done."))
    assert (closed(database, run).status, len(database.read_now(lambda c: steps(c, run.id)))) == ("success", 3)


def test_where_nothing_is_expected_nothing_is_met(database: Database) -> None:
    run = expecting(database, None)  # type: ignore[arg-type]
    assert settled(database, run, ANSWER).reminder is None
    assert closed(database, run).expect_met is None


def test_the_owner_is_told_in_words_and_the_streak_counts_it(world: StoreWorld) -> None:
    world.target()
    world.run(expect={"called": ["desk__close"]})
    [event] = [event for event in world.rows(Event) if event.kind == "run.failed"]
    assert "It did not call desk__close." in str(event.data)
    [heartbeat] = world.rows(Heartbeat)
    assert heartbeat.error_count == 1
