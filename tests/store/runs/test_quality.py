"""A heartbeat whose runs have become worse: told once, until they are as good as before again."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from heartbeat.domain.contracts import CloseRunResult
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.runs.ratings import Rating, rate
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, heartbeat_row
from tests.support.store_world import StoreWorld, settings, world

__all__ = ["settings", "world"]

RUN, EVENT = columns(Run), columns(Event)
GOOD, BAD = [True], [False]


def ran(database: Database, heartbeat: Heartbeat, liked: Sequence[bool]) -> None:
    """One run after the other, each rated before the next."""

    def work(connection: Connection) -> None:
        for number, is_liked in enumerate(liked):
            uuid = a_run(connection, heartbeat, created_at=NOW + timedelta(minutes=number))
            rate(connection, uuid, Rating(is_liked, None, "a test"), NOW)

    database.write_now(work)


def told(database: Database) -> list[Event]:
    return database.read_now(lambda c: many(c, Event, select(EVENT).order_by(EVENT.c.id)))


def test_four_bad_runs_of_ten_after_thirty_good_ones_are_told(database: Database, heartbeat: Heartbeat) -> None:
    ran(database, heartbeat, GOOD * 36 + BAD * 3)
    assert told(database) == []
    ran(database, heartbeat, BAD)
    [event] = told(database)
    newest = database.read_now(lambda c: exactly_one(c, Run, select(RUN).order_by(RUN.c.id.desc()).limit(1)))
    assert (event.kind, event.run_id, event.heartbeat_id) == ("run.quality_dropped", newest.id, heartbeat.id)
    assert event.data == {
        "run": newest.uuid,
        "recent": {"good": 6, "of": 10},
        "before": {"good": 30, "of": 30},
        "chance": 0.002298,
    }
    row = database.read_now(heartbeat_row, heartbeat.uuid)
    assert (row.quality_dropped_run_id, row.version) == (newest.id, heartbeat.version)


@pytest.mark.parametrize(
    ("after", "events"),
    [
        # It goes on so, and is told no more.
        (BAD * 5, 1),
        # Nine of ten are not what it was; then it recovers, and drops anew.
        (GOOD * 9 + BAD * 5, 1),
        (GOOD * 36 + BAD * 4, 2),
        # What it has been like for forty runs is how it is now; from there it drops anew.
        ([True, True, False] * 14, 1),
        ([True, True, False] * 14 + BAD * 10, 2),
    ],
)
def test_it_is_told_again_only_after_it_recovered(
    database: Database, heartbeat: Heartbeat, after: list[bool], events: int
) -> None:
    ran(database, heartbeat, GOOD * 30 + BAD * 4)
    assert len(told(database)) == 1
    ran(database, heartbeat, after)
    assert len(told(database)) == events


def test_runs_that_nobody_rated_are_left_out(database: Database, heartbeat: Heartbeat) -> None:
    def work(connection: Connection) -> None:
        for number in range(80):
            uuid = a_run(connection, heartbeat, created_at=NOW)
            if number % 2:
                rate(connection, uuid, Rating(number < 70, None, "a test"), NOW)

    database.write_now(work)
    [event] = told(database)
    assert event.data["recent"] == {"good": 6, "of": 10}


def test_two_who_rate_at_once_are_not_told_twice(database: Database, heartbeat: Heartbeat) -> None:
    ran(database, heartbeat, GOOD * 30 + BAD * 3)
    uuids = database.write_now(lambda c: [a_run(c, heartbeat, created_at=NOW) for _ in range(4)])

    def dislike(run_uuid: str) -> None:
        database.write_now(lambda c: rate(c, run_uuid, Rating(False, None, "a test"), NOW))

    with ThreadPoolExecutor(4) as raters:
        list(raters.map(dislike, uuids))
    assert [event.kind for event in told(database)] == ["run.quality_dropped"]


def closed(world: StoreWorld, met: bool) -> CloseRunResult:
    """A run of which a report is expected, and that has one or not."""
    report = {"outcome": "ok", "summary": "Looked.", "findings": []}
    return world.run(report=report if met else None, expect={"report": "required"})


def test_a_run_that_does_not_do_what_is_expected_counts_as_bad(world: StoreWorld) -> None:
    world.target()
    for met in (*GOOD * 3, *BAD * 2):
        closed(world, met)
    # Nothing is known of the one, and the other failed for a reason of its own.
    world.run()
    world.fails(expect={"report": "required"})
    for table in (HeartbeatDay, DailyRollup):
        [row] = world.database.read_now(lambda c, table=table: many(c, table, select(columns(table))))
        assert (row.met, row.unmet, row.liked, row.disliked) == (3, 2, 0, 0)
    newest = world.rows(Run)[-3]
    assert newest.expect_met is False
    world.database.write_now(lambda c: rate(c, newest.uuid, Rating(True, None, "a test"), world.now))
    assert world.rows(Run)[-3].expect_met is False, "what a person says is beside it"


def test_a_drop_is_told_with_the_run_whose_end_shows_it(world: StoreWorld) -> None:
    world.target()

    def seed(connection: Connection) -> None:
        for met in (*GOOD * 36, *BAD * 3):
            a_run(connection, world.heartbeat, created_at=world.now, expect_met=met)
        # It counts nowhere.
        a_run(connection, world.heartbeat, created_at=world.now, expect_met=False, dry_run=True)
        # A person's word outweighs the check: a good one of the thirty before, as it was.
        liked = a_run(connection, world.heartbeat, "error", created_at=world.now, expect_met=False)
        rate(connection, liked, Rating(True, None, "a test"), world.now)

    world.database.write_now(seed)
    assert "run.quality_dropped" not in world.kinds()
    result = closed(world, met=False)
    [dropped] = [event for event in world.rows(Event) if event.kind == "run.quality_dropped"]
    assert dropped.data["recent"] == {"good": 6, "of": 10}
    told = [row.uuid for row in world.notifications() if row.event_id == dropped.id]
    assert set(told) <= set(result.notification_uuids)
    assert len(told) == 1
