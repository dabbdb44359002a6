"""A held tick is skipped, with who wanted that, whether it comes on time or while everything was down."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.held_ticks import hold_tick, release_tick
from heartbeat.store.heartbeats.states import leave
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from tests.support.runs import by_hand, opened, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to, heartbeat_row

MINUTE = timedelta(minutes=1)
NEXT = NOW + MINUTE


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), next_tick_at=NEXT))


def change(database: Database, heartbeat: Heartbeat, how: Callable[..., Any], *args: object) -> list[datetime]:
    """Hold or release; returns the ticks that are held then."""
    bot = Bot.model_construct(id=heartbeat.bot_id, project_id=heartbeat.project_id, uuid="")  # type: ignore[call-arg]

    def work(connection: Connection) -> list[datetime]:
        return [row.tick for row in how(connection, access_to(connection, bot, heartbeat), *args)]

    return database.write_now(work)


def hold(database: Database, heartbeat: Heartbeat, tick: datetime, now: datetime = NOW) -> list[datetime]:
    return change(database, heartbeat, hold_tick, tick, now)


def test_a_held_tick_is_skipped_and_says_by_whom(database: Database, heartbeat: Heartbeat) -> None:
    assert hold(database, heartbeat, NEXT) == [NEXT]
    assert hold(database, heartbeat, NEXT) == [NEXT]
    # Nor does a run in progress make it an overlap.
    opened(database, by_hand(heartbeat))
    run = opened_run(database, scheduled(heartbeat, NEXT), now=NEXT)
    assert (run.status, run.skip_reason) == ("skipped", "held")
    assert run.error_message == "Held by Heartbeat itself."
    row = database.read_now(lambda c: heartbeat_row(c, heartbeat.uuid))
    assert (row.skipped_count, row.missed_count, row.error_count) == (1, 0, 0)


def test_the_next_tick_runs(database: Database, heartbeat: Heartbeat) -> None:
    hold(database, heartbeat, NEXT)
    opened(database, scheduled(heartbeat, NEXT), now=NEXT)
    assert opened_run(database, scheduled(heartbeat, NEXT + MINUTE), now=NEXT + MINUTE).status == "running"


def test_one_that_was_released_runs(database: Database, heartbeat: Heartbeat) -> None:
    hold(database, heartbeat, NEXT)
    assert change(database, heartbeat, release_tick, NEXT, NOW) == []
    assert opened_run(database, scheduled(heartbeat, NEXT), now=NEXT).status == "running"


def test_one_that_nothing_came_for_is_held_not_missed(database: Database, heartbeat: Heartbeat) -> None:
    hold(database, heartbeat, NEXT + MINUTE)
    database.write_now(lambda c: leave(c, heartbeat, NOW + 3 * MINUTE))
    run, event = columns(Run), columns(Event)
    logs = database.read_now(
        lambda c: c.execute(select(run.c.skip_reason, run.c.error_message).order_by(run.c.scheduled_for)).all()
    )
    assert [tuple(log) for log in logs] == [
        ("missed", None),
        ("held", "Held by Heartbeat itself."),
        ("missed", None),
    ]
    assert database.read_now(lambda c: c.execute(select(event.c.data)).scalar_one())["ticks"] == 2


@pytest.mark.parametrize("tick", [NEXT + timedelta(seconds=1), NOW + timedelta(days=400)])
def test_what_is_no_tick_of_the_next_year_is_refused(database: Database, heartbeat: Heartbeat, tick: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        hold(database, heartbeat, tick)
    assert refused.value.details[0].field == "tick"


@pytest.mark.parametrize("how", [hold_tick, release_tick])
def test_what_has_come_stays_as_it_is(database: Database, heartbeat: Heartbeat, how: Callable[..., Any]) -> None:
    with pytest.raises(Conflict) as refused:
        change(database, heartbeat, how, NOW, NOW)
    assert refused.value.code == "tick_passed"
    # By a clock that is behind, the next tick is still to come; but it was opened.
    opened(database, scheduled(heartbeat, NEXT), now=NEXT)
    with pytest.raises(Conflict):
        change(database, heartbeat, how, NEXT, NOW)


def test_one_that_nobody_holds_may_be_released(database: Database, heartbeat: Heartbeat) -> None:
    assert change(database, heartbeat, release_tick, NEXT, NOW) == []
    opened_run(database, scheduled(heartbeat, NEXT), now=NEXT)
