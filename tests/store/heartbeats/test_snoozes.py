"""A snoozed heartbeat: its ticks are held until a time, and run again when it is undone."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from heartbeat.domain.errors import Invalid
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.snoozes import snooze, unsnooze
from heartbeat.store.heartbeats.states import leave
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.runs import by_hand, opened_run, scheduled
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to, heartbeat_row

MINUTE = timedelta(minutes=1)
SAID = "Snoozed until 2026-11-20 12:03 UTC."
RUN = columns(Run)


@pytest.fixture
def heartbeat(database: Database) -> Heartbeat:
    return database.write_now(lambda c: a_heartbeat(c, a_bot(c, a_project(c)), next_tick_at=NOW + MINUTE))


def put(database: Database, heartbeat: Heartbeat, until: datetime | None, now: datetime) -> Heartbeat:
    def change(connection: Connection) -> Heartbeat:
        row = heartbeat_row(connection, heartbeat.uuid)
        bot = Bot.model_construct(id=row.bot_id, project_id=row.project_id, uuid="")  # type: ignore[call-arg]
        access = access_to(connection, bot, row)
        return snooze(connection, access, until, now) if until else unsnooze(connection, access, now)

    return database.write_now(change)


def logs(database: Database) -> list[tuple[str | None, str | None]]:
    said = select(RUN.c.skip_reason, RUN.c.error_message).order_by(RUN.c.scheduled_for)
    return database.read_now(lambda c: [tuple(row) for row in c.execute(said)])


def test_its_ticks_are_held_until_then(database: Database, heartbeat: Heartbeat) -> None:
    row = put(database, heartbeat, NOW + 3 * MINUTE, NOW)
    assert (row.version, row.enabled) == (heartbeat.version, True)
    run = opened_run(database, scheduled(heartbeat, NOW + 2 * MINUTE), now=NOW + 2 * MINUTE)
    assert (run.status, run.skip_reason, run.error_message) == ("skipped", "held", SAID)
    assert logs(database) == [("held", SAID), ("held", SAID)]
    assert opened_run(database, by_hand(heartbeat), now=NOW + 2 * MINUTE).status == "running"
    late = opened_run(database, scheduled(heartbeat, NOW + 3 * MINUTE), now=NOW + 3 * MINUTE)
    assert late.skip_reason == "overlap"


def test_what_was_due_before_it_was_undone_is_held_and_the_next_runs(database: Database, heartbeat: Heartbeat) -> None:
    put(database, heartbeat, NOW + 3 * MINUTE, NOW + MINUTE)
    row = put(database, heartbeat, None, NOW + 2 * MINUTE)
    assert (row.snoozed_at, row.snooze_until, row.accounted_until) == (None, None, NOW + 2 * MINUTE)
    assert logs(database) == [("held", SAID), ("held", SAID)]
    assert opened_run(database, scheduled(heartbeat, NOW + 3 * MINUTE), now=NOW + 3 * MINUTE).status == "running"
    assert put(database, heartbeat, None, NOW + 4 * MINUTE).updated_at == row.updated_at


def test_ticks_that_nothing_came_for_are_held_if_they_came_meanwhile(database: Database, heartbeat: Heartbeat) -> None:
    put(database, heartbeat, NOW + 3 * MINUTE, NOW + 2 * MINUTE)
    database.write_now(lambda c: leave(c, heartbeat_row(c, heartbeat.uuid), NOW + 4 * MINUTE))
    assert logs(database) == [("missed", None), ("held", SAID), ("missed", None), ("missed", None)]


def test_a_tick_that_is_just_being_opened_is_held_by_a_second_snooze_and_not_missed(
    database: Database, heartbeat: Heartbeat
) -> None:
    put(database, heartbeat, NOW + 2 * MINUTE, NOW)
    opened_run(database, scheduled(heartbeat, NOW + MINUTE), now=NOW + MINUTE)
    due = NOW + 2 * MINUTE
    put(database, heartbeat, NOW + 5 * MINUTE, due)
    assert opened_run(database, scheduled(heartbeat, due), now=due).skip_reason == "held"
    assert [reason for reason, _ in logs(database)] == ["held", "held"]


@pytest.mark.parametrize("until", [NOW, NOW + timedelta(days=367)])
def test_it_is_over_within_a_year(database: Database, heartbeat: Heartbeat, until: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        put(database, heartbeat, until, NOW)
    assert refused.value.details[0].field == "until"
