"""Runs that a provider limits the rate of wait together, and go on one after another."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.rate_limits import note_refusal, take_turn
from heartbeat.store.tables.runs import RateLimit, Run
from tests.support.runs import opened, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

SECOND = timedelta(seconds=1)


def limits(connection: Connection) -> list[RateLimit]:
    return many(connection, RateLimit, select(columns(RateLimit)))


@pytest.fixture
def run(database: Database) -> Run:
    heartbeat = database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c))))
    run = opened(database, scheduled(heartbeat)).run
    assert run is not None
    return run


def turns(database: Database, run: Run, count: int, at: datetime) -> list[datetime | None]:
    return [database.write_now(take_turn, "model", run, None, at) for _ in range(count)]


def test_one_tries_it_when_the_limit_is_over_then_twice_as_many_each_second(database: Database, run: Run) -> None:
    assert turns(database, run, 1, NOW) == [None]
    database.write_now(note_refusal, "model", 30.0, NOW)
    over = NOW + 30 * SECOND
    given = turns(database, run, 8, NOW)
    assert given == [over + late * SECOND for late in (0, 1, 2, 2, 3, 3, 3, 3)]
    assert database.write_now(take_turn, "model", run, over, over) is None, "its turn"
    assert turns(database, run, 1, over + SECOND) == [over + 4 * SECOND], "who comes then is the next one"
    assert turns(database, run, 1, over + 9 * SECOND) == [None]
    assert turns(database, run, 1, over + timedelta(minutes=3)) == [None]
    assert database.read_now(limits) == [], "it is forgotten"


def test_a_provider_that_names_no_time_is_left_alone_twice_as_long_each_time(database: Database, run: Run) -> None:
    at, waits = NOW, []
    for _ in range(8):
        database.write_now(note_refusal, "model", None, at)
        # Of requests that were under way.
        database.write_now(note_refusal, "model", None, at)
        [limit] = database.read_now(limits)
        waits.append((limit.closed_until - at).total_seconds())
        at = limit.closed_until
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_who_waited_for_a_turn_and_finds_it_closed_again_takes_another(database: Database, run: Run) -> None:
    database.write_now(note_refusal, "model", 1.0, NOW)
    [first, second] = turns(database, run, 2, NOW)
    assert first == NOW + SECOND
    database.write_now(note_refusal, "model", 60.0, first)
    assert second is not None
    assert database.write_now(take_turn, "model", run, second, second) == first + 60 * SECOND


def test_a_run_says_that_it_waits(database: Database, run: Run) -> None:
    def waiting() -> str | None:
        return database.read_now(lambda c: c.execute(select(columns(Run).c.waiting)).scalar_one())

    database.write_now(note_refusal, "model", 10.0, NOW)
    [turn] = turns(database, run, 1, NOW)
    assert waiting() == "rate_limit"
    run = Run.model_construct(**{**vars(run), "waiting": "rate_limit"})
    assert database.write_now(take_turn, "model", run, turn, NOW + 10 * SECOND) is None
    assert waiting() is None
