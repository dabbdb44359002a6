"""A project on hold: nothing starts, each tick has its one log, and it ends by itself or when it is released."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import Connection, insert, select, update

from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.probes import due_probes
from heartbeat.store.heartbeats.project_holds import (
    NewHold,
    Running,
    await_openings,
    hold_in_force,
    hold_project,
    release_project,
    require_no_hold,
    runs_to_cancel,
)
from heartbeat.store.heartbeats.states import leave
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Run
from tests.support.patience import until
from tests.support.runs import LIMITS, by_hand, changed, opened, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, heartbeat_row

MINUTE = timedelta(minutes=1)
WHY, BY = "The shop is moving.", "a key of the project"
SAID = f"The project was put on hold by {BY}. The reason: {WHY}"
RUN = columns(Run)
TURNS = 8


@pytest.fixture
def project(database: Database) -> Project:
    return database.write_now(a_project)


@pytest.fixture
def heartbeat(database: Database, project: Project) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, project), next_tick_at=NOW + MINUTE))


def hold(
    database: Database,
    project: Project,
    now: datetime = NOW,
    until: datetime | None = None,
    running: Running = "finish",
) -> None:
    database.write_now(hold_project, project, NewHold(WHY, until, running), BY, now)
    database.write_now(await_openings, project)


def release(database: Database, project: Project, now: datetime) -> None:
    database.write_now(release_project, project, now)


def logs(database: Database) -> list[tuple[str | None, str | None]]:
    ticks = select(RUN.c.skip_reason, RUN.c.error_message).where(RUN.c.scheduled_for.is_not(None))
    return database.read_now(lambda c: [tuple(row) for row in c.execute(ticks.order_by(RUN.c.scheduled_for))])


@pytest.mark.parametrize("claimed", [scheduled, by_hand])
def test_nothing_starts_and_its_log_says_why(
    database: Database, project: Project, heartbeat: Heartbeat, claimed: Callable[[Heartbeat], TickClaim]
) -> None:
    hold(database, project)
    run = opened_run(database, claimed(heartbeat))
    assert (run.status, run.skip_reason, run.error_message, run.credits_held) == ("skipped", "held", SAID, 0)
    row = database.read_now(heartbeat_row, heartbeat.uuid)
    assert (row.skipped_count, row.missed_count, row.enabled) == (1, 0, True)


def test_another_project_goes_on(database: Database, project: Project, heartbeat: Heartbeat) -> None:
    other = database.write_now(lambda c: a_project(c, name="Other"))
    hold(database, other)
    assert opened_run(database, scheduled(heartbeat)).status == "running"


# When it is put on hold, released, until when, when the tick is opened, and what becomes of it.
TIMES = {
    "before it": (1, None, None, 0, "running"),
    "due before it, and late": (0.5, None, None, 1, "held"),
    "during it": (-1, None, None, 0, "held"),
    "during it, and late": (-1, 1, None, 2, "held"),
    "when it ends by itself": (-1, None, 0, 0, "running"),
    "after its end": (-2, None, -1, 0, "running"),
    "after its release": (-2, -1, None, 0, "running"),
    "after its release, before its end": (-2, -1, 1, 0, "running"),
}


@pytest.mark.parametrize("times", TIMES)
def test_a_hold_is_from_a_time_to_a_time(
    database: Database, project: Project, heartbeat: Heartbeat, times: str
) -> None:
    """In minutes from the tick."""
    tick = NOW + 5 * MINUTE
    database.write_now(lambda c: c.execute(update(columns(Heartbeat)).values(cron_pattern="5 12 * * *")))
    held, released, ends, opens, outcome = TIMES[times]
    until = None if ends is None else tick + ends * MINUTE
    acts: list[tuple[float, Callable[[], object]]] = [
        (held, lambda: hold(database, project, tick + held * MINUTE, until)),
        (opens, lambda: opened(database, scheduled(heartbeat, tick), now=tick + opens * MINUTE)),
    ]
    if released is not None:
        acts.append((released, lambda: release(database, project, tick + released * MINUTE)))
    for _, act in sorted(acts, key=lambda one: one[0]):
        act()
    run = database.read_now(lambda c: c.execute(select(RUN.c.status, RUN.c.skip_reason)).one())
    assert (run.skip_reason or run.status) == outcome


def test_ticks_that_nothing_came_for_are_held_by_when_they_came(
    database: Database, project: Project, heartbeat: Heartbeat
) -> None:
    hold(database, project, NOW + 2 * MINUTE, until=NOW + 4 * MINUTE)
    release(database, project, NOW + 9 * MINUTE)
    database.write_now(lambda c: leave(c, heartbeat, NOW + 5 * MINUTE))
    assert logs(database) == [("missed", None), ("held", SAID), ("held", SAID), ("missed", None), ("missed", None)]


def test_a_second_hold_takes_the_place_of_the_first(database: Database, project: Project) -> None:
    hold(database, project)
    hold(database, project, NOW + MINUTE, until=NOW + 3 * MINUTE)
    row = database.read_now(hold_in_force, project, NOW + 2 * MINUTE)
    assert row is not None
    assert row.until == NOW + 3 * MINUTE
    assert database.read_now(hold_in_force, project, NOW + 3 * MINUTE) is None
    for _ in range(2):
        release(database, project, NOW + 2 * MINUTE)
    assert database.read_now(hold_in_force, project, NOW + 2 * MINUTE) is None


@pytest.mark.parametrize("until", [NOW, NOW - MINUTE, NOW + timedelta(days=400)])
def test_it_ends_in_the_next_year(database: Database, project: Project, until: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        hold(database, project, until=until)
    assert refused.value.details[0].field == "until"


def test_what_is_asked_for_is_refused_in_a_sentence(database: Database, project: Project) -> None:
    hold(database, project, until=NOW + MINUTE)
    with pytest.raises(Conflict) as refused:
        database.read_now(require_no_hold, project, NOW)
    assert refused.value.code == "project_on_hold"
    assert refused.value.message == (
        "The project is on hold until 2026-11-20 12:01 UTC, so nothing is started. The reason: The shop is moving."
    )
    database.read_now(require_no_hold, project, NOW + MINUTE)


def test_probes_wait(database: Database, project: Project, heartbeat: Heartbeat) -> None:
    paused = {"enabled": False, "pause_reason": "errors", "pause_since": NOW, "probe_at": NOW}
    database.write_now(lambda c: c.execute(update(columns(Heartbeat)).values(paused)))
    hold(database, project, until=NOW + MINUTE)
    assert database.read_now(due_probes, NOW, 10) == []
    assert [row.uuid for row in database.read_now(due_probes, NOW + MINUTE, 10)] == [heartbeat.uuid]


@pytest.mark.parametrize(
    ("running", "state", "decided_at", "is_cancelled"),
    [
        ("finish", None, None, False),
        ("cancel", None, None, True),
        ("cancel", "pending", None, False),
        ("cancel", "approved", NOW - MINUTE, True),
        ("cancel", "approved", NOW + MINUTE, False),
    ],
)
def test_a_hold_cancels_what_goes_on_if_it_says_so_but_nothing_that_waits_for_a_person(
    database: Database,
    project: Project,
    heartbeat: Heartbeat,
    running: Running,
    state: str | None,
    decided_at: datetime | None,
    is_cancelled: bool,
) -> None:
    run = opened_run(database, by_hand(heartbeat))

    def ask(connection: Connection) -> None:
        row = {"uuid": "apr_1", "bot_id": run.bot_id, "heartbeat_id": run.heartbeat_id, "run_id": run.id, "step": 2}
        row |= {"tool": "book", "arguments": "{}", "reason": "registration", "why": "", "state": state}
        row |= {"decided_at": decided_at, "expires_at": NOW + timedelta(days=1), "created_at": NOW}
        connection.execute(insert(columns(Approval)).values(row))

    if state:
        database.write_now(ask)
    hold(database, project, running=running)
    expected = [run.uuid] if is_cancelled else []
    assert [row.uuid for row in database.read_now(runs_to_cancel, NOW, project)] == expected
    assert [row.uuid for row in database.read_now(runs_to_cancel, NOW)] == expected
    database.write_now(close_run, run.uuid, Ending("cancelled", "cancelled", "The run was cancelled."), NOW)
    message = database.read_now(lambda c: c.execute(select(RUN.c.error_message)).scalar_one())
    assert message == (SAID if running == "cancel" else "The run was cancelled.")
    assert database.read_now(runs_to_cancel, NOW) == []


@pytest.mark.parametrize(("by_hand_at_last", "named"), [(True, "Ada"), (False, None)])
def test_who_asked_for_the_end_of_a_run_in_vain_did_not_cancel_it(
    database: Database, project: Project, heartbeat: Heartbeat, by_hand_at_last: bool, named: str | None
) -> None:
    """Somebody asked while Temporal was away, and the hold that came after that ended the run."""
    run = opened_run(database, by_hand(heartbeat))
    changed(database, Run, cancelled_by="Ada")
    hold(database, project, running="cancel")
    ending = Ending("cancelled", "cancelled", "The run was cancelled.", by_hand=by_hand_at_last)
    database.write_now(close_run, run.uuid, ending, NOW)
    assert database.read_now(lambda c: c.execute(select(RUN.c.cancelled_by)).scalar_one()) == named


def test_a_run_that_somebody_cancels_during_a_hold_says_so(
    database: Database, project: Project, heartbeat: Heartbeat
) -> None:
    run = opened_run(database, by_hand(heartbeat))
    hold(database, project, running="cancel")
    ending = Ending("cancelled", "cancelled", "The run was cancelled.", by_hand=True)
    database.write_now(close_run, run.uuid, ending, NOW)
    assert database.read_now(lambda c: c.execute(select(RUN.c.error_message)).scalar_one()) == ending.message


async def test_holds_set_and_lifted_while_ticks_start(
    database: Database, project: Project, heartbeat: Heartbeat
) -> None:
    """Each tick has one log, and none runs that is opened between the answer to a hold and its release."""
    heartbeats = [heartbeat, *database.write_now(lambda c: [a_heartbeat(c, a_bot(c, project)) for _ in range(2)])]
    # Odd from the answer to a hold until its release is asked for.
    turn, openings, begun_on_hold = 0, 0, []

    async def open_ticks(row: Heartbeat) -> int:
        nonlocal openings
        for number in count(1):
            before, tick = turn, NOW + number * MINUTE
            run = (await database.write(open_run, scheduled(row, tick), LIMITS, tick)).run
            assert run is not None
            openings += 1
            if run.status == "running":
                begun_on_hold.extend([run.uuid] if before % 2 and turn == before else [])
                await database.write(close_run, run.uuid, Ending("success"), tick)
            if turn == TURNS:
                return number
        raise AssertionError

    async def a_few_openings() -> None:
        so_far = openings
        await until(lambda: openings >= so_far + 2 * len(heartbeats))

    async with asyncio.TaskGroup() as tasks:
        ticks = [tasks.create_task(open_ticks(row)) for row in heartbeats]
        while turn < TURNS:
            await database.write(hold_project, project, NewHold(WHY), BY, NOW)
            await database.write(await_openings, project)
            turn += 1
            await a_few_openings()
            turn += 1
            await database.write(release_project, project, NOW)
            if turn < TURNS:
                await a_few_openings()
    rows = database.read_now(lambda c: [tuple(row) for row in c.execute(select(RUN.c.status, RUN.c.skip_reason))])
    assert len(rows) == sum(task.result() for task in ticks)
    assert set(rows) == {("success", None), ("skipped", "held")}
    assert begun_on_hold == []
