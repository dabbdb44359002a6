"""Each check finds nothing in a sound database, and fails on one in which its promise was broken."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, update

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Notification
from heartbeat.store.tables.runs import Approval, Run, Step
from tests.faults.aftermath import Aftermath
from tests.faults.callers import Accepted
from tests.faults.checks import CHECKS
from tests.faults.outside import Outside
from tests.faults.plan import Fault
from tests.faults.proof import unproved
from tests.faults.report import report
from tests.support.databases import ON_SQLITE
from tests.support.store_world import LATER, StoreWorld, settings, world

__all__ = ["settings", "world"]
STEP = {"kind": "model", "state": "done", "answer": "Fine.", "messages": "[]", "final": True, "model": "m"}
NUMBERS = {"input_tokens": 1, "output_tokens": 1, "duration_ms": 1}


@pytest.fixture
def after(world: StoreWorld) -> Iterator[Aftermath]:
    """Two ticks and a run by hand, all of which callers know of; the first was answered by a model."""
    world.change(Heartbeat, accounted_until=world.now, created_at=world.now)
    for _ in range(2):
        world.run()
    world.run(trigger="manual")
    by_hand = world.rows(Run)[-1]
    heartbeat = world.rows(Heartbeat)[0]
    answered(world)
    accepted = Accepted(triggers={by_hand.uuid: heartbeat.uuid}, prompts={heartbeat.uuid: heartbeat.prompt})
    with Outside(0) as outside:
        yield Aftermath(world.database, accepted, outside, world.now - LATER, {heartbeat.uuid: True})


def answered(world: StoreWorld) -> None:
    run = world.rows(Run)[0]
    step = {"run_id": run.id, "number": 1, "created_at": world.now, **STEP, **NUMBERS}
    entry = {"project_id": run.project_id, "heartbeat_id": run.heartbeat_id, "run_id": run.id, "step": 1}
    zero = dict.fromkeys(("credits", "held", "granted", "absorbed", "tokens"), 0)
    when = {"period_start": world.now - timedelta(days=1), "created_at": world.now}
    add(world, Step, step)
    add(world, Entry, {**entry, "kind": "settle", **zero, **when})


def add(world: StoreWorld, table: type, row: dict[str, object]) -> None:
    world.database.write_now(lambda c: c.execute(insert(columns(table)).values(row)))


def remove(table: type, **which: object) -> Callable[[StoreWorld, Aftermath], object]:
    conditions = [columns(table).c[name] == value for name, value in which.items()]
    return lambda world, after: world.database.write_now(lambda c: c.execute(delete(columns(table)).where(*conditions)))


def change(table: type, **values: object) -> Callable[[StoreWorld, Aftermath], None]:
    return lambda world, after: world.change(table, **values)


def a_tick_of_no_cadence(world: StoreWorld, after: Aftermath) -> None:
    run = columns(Run)
    last = world.rows(Run)[0]
    odd = last.scheduled_for + timedelta(seconds=7)
    world.database.write_now(lambda c: c.execute(update(run).where(run.c.id == last.id).values(scheduled_for=odd)))


def a_run_that_nobody_asked_for(world: StoreWorld, after: Aftermath) -> None:
    world.run(trigger="manual")


def an_accepted_run_that_is_not_there(world: StoreWorld, after: Aftermath) -> None:
    after.accepted.triggers["log_lost"] = "hb"


def an_accepted_task_that_is_not_there(world: StoreWorld, after: Aftermath) -> None:
    after.accepted.tasks["Task 1"] = "Task 1"


def a_lost_tick(world: StoreWorld, after: Aftermath) -> None:
    world.change(Heartbeat, accounted_until=world.now + 3 * LATER)


def accounting_that_stands_still(world: StoreWorld, after: Aftermath) -> None:
    world.change(Heartbeat, accounted_until=world.now - 2 * LATER)


def a_message_that_never_came(world: StoreWorld, after: Aftermath) -> None:
    world.target()
    world.fails()
    world.change(Notification, status="delivered")


def a_message_that_still_waits(world: StoreWorld, after: Aftermath) -> None:
    world.target()
    world.fails()
    after.until = world.now + LATER


def a_finding_that_came_twice(world: StoreWorld, after: Aftermath) -> None:
    world.target()
    world.reports({"title": "Finding 1.", "severity": "warning", "fingerprint": "finding-1"})
    world.change(Notification, status="delivered", next_attempt_at=None)
    after.outside.inbox.got |= {row.uuid: "Finding 1." for row in world.rows(Notification)}
    assert len(after.outside.inbox.got) > 1


def a_finding_that_nobody_is_told_of(world: StoreWorld, after: Aftermath) -> None:
    world.reports({"title": "Finding 1.", "severity": "warning", "fingerprint": "finding-1"})


def a_finding_that_is_lost_while_another_waits(world: StoreWorld, after: Aftermath) -> None:
    a_finding_that_nobody_is_told_of(world, after)
    world.target()
    world.reports({"title": "Finding 2.", "severity": "warning", "fingerprint": "finding-2"})
    assert [row.next_attempt_at for row in world.rows(Notification)] != [None]


def a_call(world: StoreWorld, approval: str | None, answer: str = "Done: Seat 1.") -> None:
    """A step that orders a seat, with what became of its approval."""
    run = world.rows(Run)[-1]
    row = {"run_id": run.id, "number": 1, "created_at": world.now, **STEP, **NUMBERS}
    arguments = '{"what": "Seat 1"}'
    add(world, Step, {**row, "kind": "tool", "name": "desk__book", "arguments": arguments, "answer": answer})
    if approval:
        which = {"uuid": "apr_1", "bot_id": run.bot_id, "heartbeat_id": run.heartbeat_id, "run_id": run.id}
        what = {"step": 1, "round": 1, "tool": "desk__book", "arguments": arguments, "reason": "registration"}
        when = {"expires_at": world.now, "created_at": world.now}
        add(world, Approval, {**which, **what, **when, "why": "So.", "state": approval})


def a_call_that_was_made_twice(world: StoreWorld, after: Aftermath) -> None:
    a_call(world, "approved")
    after.outside.desk.done["Seat 1"] = 2


def a_call_that_was_denied_and_made(world: StoreWorld, after: Aftermath) -> None:
    a_call(world, "denied")
    after.outside.desk.done["Seat 1"] = 1


def a_call_that_was_made_up(world: StoreWorld, after: Aftermath) -> None:
    a_call(world, "approved")


def a_decision_that_turned(world: StoreWorld, after: Aftermath) -> None:
    a_call(world, "approved", answer="No.")
    after.accepted.decisions["apr_1"] = "denied"


def a_decision_of_nobody(world: StoreWorld, after: Aftermath) -> None:
    a_call(world, "denied", answer="No.")


def a_secret_in_a_message(world: StoreWorld, after: Aftermath) -> None:
    after.outside.inbox.got["ntf_1"] = f"Look: {after.outside.canaries.model_key}"


def a_secret_in_an_answer(world: StoreWorld, after: Aftermath) -> None:
    after.outside.canaries.look_for("an answer", [after.outside.canaries.header_of_the_gate])


def a_schedule_of_nothing(world: StoreWorld, after: Aftermath) -> None:
    after.schedules["hb_gone"] = True


def a_schedule_that_stands(world: StoreWorld, after: Aftermath) -> None:
    after.schedules = dict.fromkeys(after.schedules, False)


def a_process_that_grew(world: StoreWorld, after: Aftermath) -> None:
    after.sizes = {"warm": {"worker 1": (150, 30)}, "end": {"worker 1": (400, 30)}}


def a_process_that_keeps_files_open(world: StoreWorld, after: Aftermath) -> None:
    after.sizes = {"warm": {"temporal": (150, 30)}, "end": {"temporal": (150, 230)}}


def a_process_that_is_left(world: StoreWorld, after: Aftermath) -> None:
    after.left = ["pipe_server.py (7) is left"]


def an_answer_of_no_use(world: StoreWorld, after: Aftermath) -> None:
    after.accepted.unexpected.append("trigger: 500")


BROKEN = [
    ("ticks", a_lost_tick),
    ("ticks", a_tick_of_no_cadence),
    ("ticks", accounting_that_stands_still),
    ("settles", remove(Entry, kind="settle")),
    ("settles", remove(Step, kind="model")),
    ("balances", change(Run, credits_charged=7)),
    ("balances", change(Heartbeat, period_credits=7)),
    ("held", change(Run, credits_held=7)),
    ("held", change(Run, status="running")),
    ("effects", a_run_that_nobody_asked_for),
    ("effects", an_accepted_run_that_is_not_there),
    ("effects", an_accepted_task_that_is_not_there),
    ("edits", change(Heartbeat, prompt="Something else")),
    ("messages", a_message_that_never_came),
    ("messages", a_message_that_still_waits),
    ("messages", a_finding_that_came_twice),
    ("messages", a_finding_that_nobody_is_told_of),
    ("messages", a_finding_that_is_lost_while_another_waits),
    ("calls", a_call_that_was_made_twice),
    ("calls", a_call_that_was_denied_and_made),
    ("calls", a_call_that_was_made_up),
    ("decisions", a_decision_that_turned),
    ("decisions", a_decision_of_nobody),
    ("secrets", a_secret_in_a_message),
    ("secrets", a_secret_in_an_answer),
    ("endings", change(Run, status="error", error_code="workflow_terminated")),
    ("schedules", a_schedule_of_nothing),
    ("schedules", a_schedule_that_stands),
    ("processes", a_process_that_grew),
    ("processes", a_process_that_keeps_files_open),
    ("processes", a_process_that_is_left),
    ("answers", an_answer_of_no_use),
]


def test_every_check_is_shown_to_fail() -> None:
    assert {name for name, _ in BROKEN} == CHECKS.keys()


def test_a_sound_database_has_nothing_lost_or_doubled(after: Aftermath) -> None:
    assert {name: found for name, check in CHECKS.items() if (found := check(after))} == {}


def test_a_finding_whose_message_waits_is_not_lost(world: StoreWorld, after: Aftermath) -> None:
    world.target()
    world.reports({"title": "Finding 1.", "severity": "warning", "fingerprint": "finding-1"})
    assert CHECKS["messages"](after) == []


@ON_SQLITE
def test_a_run_in_which_little_happened_proves_nothing(after: Aftermath) -> None:
    after.sizes = {"warm": {"api 1": (150, 30)}, "end": {"api 1": (151, 31)}}
    found = report("SQLite", 7, 15, [Fault(1, "kill", ("api 1",))], Counter(kill=1), after)
    assert found["sizes"] == "api 1 150 MB 30 → 151 MB 31"
    assert {"there are no requests", "there are no messages", "no full disk had an effect"} < set(unproved(found))
    assert not {"there are no ticks", "no kill had an effect"} & set(unproved(found))


@ON_SQLITE
@pytest.mark.parametrize(("name", "break_"), BROKEN)
def test_a_broken_promise_is_found(
    name: str, break_: Callable[[StoreWorld, Aftermath], object], world: StoreWorld, after: Aftermath
) -> None:
    break_(world, after)
    assert CHECKS[name](after) != []
