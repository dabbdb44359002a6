"""Slots of what is bounded: who gets one, who waits, and what becomes of those that nobody gives back."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update

from heartbeat.domain.bounds import Bounds
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.slots import SlotClaim, claim_slots, grant_free_slots, release_slots
from heartbeat.store.tables.runs import Run, Slot
from tests.support.past_runs import a_step
from tests.support.runs import opened, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

RUN = columns(Run)
MINUTE = timedelta(minutes=1)
OF_RUNS, OF_REQUESTS = Bounds({"self_hosted": 2}), Bounds(requests={"openai": 2})


def runs_of_a_project(database: Database, count: int) -> list[Run]:
    def seed(connection: Connection):
        bot = a_bot(connection, a_project(connection))
        return [a_heartbeat(connection, bot, prompt=f"Prompt {number}") for number in range(count)]

    heartbeats = database.write_now(seed)
    runs = [opened(database, scheduled(heartbeat)).run for heartbeat in heartbeats]
    return [run for run in runs if run is not None]


def claims(database: Database, run: Run, bounds: Bounds, at: datetime = NOW) -> bool:
    claim = SlotClaim(run.uuid, 1, 0, MINUTE, 10 * MINUTE)
    return database.write_now(claim_slots, claim, bounds, at)[0]


def woken(database: Database, run: Run, bounds: Bounds, at: datetime = NOW) -> list[int]:
    return [each.run_id for each in database.write_now(release_slots, run.uuid, "", bounds, at)]


def waiting(database: Database, run: Run) -> str | None:
    return database.read_now(lambda c: exactly_one(c, Run, select(RUN).where(RUN.c.id == run.id))).waiting


def test_who_finds_none_waits_and_is_granted_the_next_in_order(database: Database) -> None:
    first, second, third, fourth = runs_of_a_project(database, 4)
    assert [claims(database, run, OF_RUNS) for run in (first, second, third, fourth)] == [True, True, False, False]
    assert [waiting(database, run) for run in (second, third)] == [None, "capacity"]
    assert claims(database, first, OF_RUNS), "its next step finds its slot"
    assert woken(database, second, OF_RUNS) == [third.id]
    assert not claims(database, fourth, OF_RUNS), "what was granted is not taken by another"
    assert claims(database, third, OF_RUNS)
    assert waiting(database, third) is None


def test_a_slot_goes_to_the_project_that_has_the_fewest(database: Database) -> None:
    flood, small = runs_of_a_project(database, 5), runs_of_a_project(database, 2)
    for run in (*flood, *small):
        claims(database, run, OF_REQUESTS)
    assert woken(database, flood[0], OF_REQUESTS) == [small[0].id]
    assert woken(database, flood[1], OF_REQUESTS) == [flood[2].id]
    assert woken(database, small[0], OF_REQUESTS) == [small[1].id]


def test_what_a_dead_worker_held_is_free_when_its_time_is_over(database: Database) -> None:
    first, second, third = runs_of_a_project(database, 3)
    assert [claims(database, run, OF_REQUESTS) for run in (first, second, third)] == [True, True, False]
    assert claims(database, second, OF_REQUESTS, NOW + MINUTE / 2), "another worker goes on with its step"
    assert claims(database, third, OF_REQUESTS, NOW + MINUTE)


@pytest.mark.parametrize("bounds", [OF_RUNS, Bounds()])
def test_upkeep_grants_what_ended_runs_held_and_what_is_bounded_no_more(database: Database, bounds: Bounds) -> None:
    first, second, third = runs_of_a_project(database, 3)
    for run in (first, second, third):
        claims(database, run, OF_RUNS)
    if bounds:
        assert database.write_now(grant_free_slots, bounds, NOW) == []
        database.write_now(lambda c: close_run(c, first.uuid, Ending("success"), NOW))
    for _ in range(2):
        granted = database.write_now(grant_free_slots, bounds, NOW)
        assert [each.run_id for each in granted] == [third.id], "until it has come"
    assert claims(database, third, OF_RUNS)
    assert database.write_now(grant_free_slots, bounds, NOW) == []


def test_who_was_granted_one_and_comes_late_keeps_its_place(database: Database) -> None:
    first, second, third, fourth = runs_of_a_project(database, 4)
    for run in (first, second, third, fourth):
        claims(database, run, OF_RUNS)
    assert woken(database, first, OF_RUNS) == [third.id]
    granted = database.write_now(grant_free_slots, OF_RUNS, NOW + 2 * MINUTE)
    assert [each.run_id for each in granted] == [third.id], "it is told again"
    late = NOW + 4 * MINUTE
    assert not claims(database, fourth, OF_RUNS, late), "another that comes meanwhile does not pass it by"
    assert claims(database, third, OF_RUNS, late)


def test_upkeep_wakes_nobody_who_has_one_and_waits_for_the_other(database: Database) -> None:
    both = Bounds({"self_hosted": 2}, {"openai": 1})
    first, second = runs_of_a_project(database, 2)
    assert [claims(database, run, both) for run in (first, second)] == [True, False]
    assert database.write_now(grant_free_slots, both, NOW) == []
    database.write_now(lambda c: close_run(c, first.uuid, Ending("success"), NOW))
    granted = database.write_now(grant_free_slots, both, NOW)
    assert [each.run_id for each in granted] == [second.id], "once, for what it has not come for"


def test_a_step_whose_answer_is_written_waits_for_nobody(database: Database) -> None:
    runs = runs_of_a_project(database, 3)
    database.write_now(lambda c: a_step(c, runs[2].uuid, 1))
    assert [claims(database, run, OF_REQUESTS) for run in runs] == [True, True, True]
    assert waiting(database, runs[2]) is None
    assert len(database.read_now(lambda c: many(c, Slot, select(columns(Slot))))) == 2


def test_a_run_that_has_ended_takes_none(database: Database) -> None:
    [run] = runs_of_a_project(database, 1)
    database.write_now(lambda c: c.execute(update(RUN).values(status="success")))
    assert claims(database, run, OF_RUNS)
    assert database.read_now(lambda c: many(c, Slot, select(columns(Slot)))) == []
