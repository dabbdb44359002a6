"""What is removed by its age alone, and what somebody deleted: when the time has come, and no day before."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from sqlmodel import SQLModel

from heartbeat.domain.plans import Plan
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats import states
from heartbeat.store.overview.counts import counts
from heartbeat.store.retention import aged, pruning
from heartbeat.store.retention.pruning import EVERY, HOUR, Pruning
from heartbeat.store.tables.credits import BudgetWarning, DailyRollup, HeartbeatDay
from heartbeat.store.tables.heartbeats import Heartbeat, HeldTick
from heartbeat.store.tables.notifications import Event, Finding, ModelOutage, Notification
from heartbeat.store.tables.projects import ApiKey, DashboardSession, IdempotencyKey, KeyWindow, ProjectHold, SignInLink
from heartbeat.store.tables.runs import Run, Variant
from tests.support.past_runs import a_run
from tests.support.pending_rows import a_finding, a_message, a_target, a_task
from tests.support.seeds import NOW

Row = dict[str, Any]
DAY = timedelta(days=1)
SUMS = dict.fromkeys(("success", "error", "skipped"), 1)


def insert(table: type[SQLModel], **values: Any) -> Callable[[Connection, Heartbeat], None]:
    """Insert a row; a value may be made from the heartbeat."""

    def work(connection: Connection, heartbeat: Heartbeat) -> None:
        row = {name: value(heartbeat) if callable(value) else value for name, value in values.items()}
        connection.execute(columns(table).insert().values(row))

    return work


def a_key_with_a_link(connection: Connection, heartbeat: Heartbeat) -> None:
    key = {"id": 1, "uuid": "key_1", "project_id": heartbeat.project_id, "name": "ci", "prefix": "hb", "hash": "h"}
    connection.execute(columns(ApiKey).insert().values(**key, created_at=NOW, revoked_at=NOW))
    connection.execute(columns(SignInLink).insert().values(hash="h", key_id=1, expires_at=NOW))
    connection.execute(columns(KeyWindow).insert().values(key_id=1, began_at=NOW, requests=1))


def a_session(connection: Connection, heartbeat: Heartbeat) -> None:
    times = dict.fromkeys(("created_at", "last_used_at", "expires_at", "ends_at"), NOW)
    insert(DashboardSession, uuid="sess_1", key_id=1, hash="h", address="::1", browser="", **times)(
        connection, heartbeat
    )


def a_told_event(connection: Connection, heartbeat: Heartbeat) -> None:
    a_message(connection, heartbeat, a_target(connection, heartbeat))


def a_day(day: datetime) -> str:
    return f"{day:%Y-%m-%d}"


def mine(heartbeat: Heartbeat) -> int:
    return heartbeat.id


def of_bot(heartbeat: Heartbeat) -> int:
    return heartbeat.bot_id


def of_project(heartbeat: Heartbeat) -> int:
    return heartbeat.project_id


WARNING = {"owner": "bot", "owner_id": 1, "budget": 5, "level": 50}
OUTAGE = {"project_id": of_project, "model": "m", "reason": "r"}
HOLD = {"project_id": of_project, "reason": "r", "running": "finish", "held_by": "me", "created_at": NOW}
ANSWER = {"project_id": of_project, "key": "k", "fingerprint": "f"}
WRITTEN: list[Callable[[Connection, Heartbeat], Any]] = [
    a_key_with_a_link,
    a_session,
    insert(IdempotencyKey, **ANSWER, claimed_at=NOW, created_at=NOW),
    insert(ProjectHold, **HOLD, released_at=NOW),
    insert(HeldTick, heartbeat_id=mine, tick=NOW, held_by="me", created_at=NOW),
    insert(Variant, run_uuid="log_1", project_id=of_project, changes={}, created_at=NOW),
    insert(BudgetWarning, **WARNING, period_start=NOW, created_at=NOW),
    insert(DailyRollup, bot_id=of_bot, day=a_day(NOW), type="heartbeat", **SUMS),
    insert(HeartbeatDay, heartbeat_id=mine, day=a_day(NOW), **SUMS),
    a_told_event,
    lambda connection, heartbeat: a_finding(connection, heartbeat, state="resolved"),
    insert(ModelOutage, **OUTAGE, began_at=NOW, seen_at=NOW),
]
# After how many days what was written is over.
AGES: dict[int, tuple[type[SQLModel], ...]] = {
    0: (SignInLink, DashboardSession),
    1: (IdempotencyKey, KeyWindow),
    8: (ModelOutage,),
    30: (HeldTick, Variant),
    396: (ApiKey, ProjectHold, BudgetWarning, Event, Notification, Finding),
    61 * 31: (DailyRollup, HeartbeatDay),
}


def count(database: Database, table: type[SQLModel]) -> int:
    return database.read_now(lambda c: c.execute(select(func.count()).select_from(columns(table))).scalar_one())


async def prune(database: Database, after: timedelta) -> None:
    """Prune so long after `NOW`, as a worker does that has just started."""
    await Pruning(database, {}).run(NOW + after, seconds=60.0)


async def test_rows_go_when_their_time_is_over_and_not_before(database: Database, heartbeat: Heartbeat) -> None:
    for write in WRITTEN:
        database.write_now(write, heartbeat)
    for days, tables in AGES.items():
        await prune(database, (days - 0.5) * DAY)
        assert [count(database, table) for table in tables] == [1] * len(tables), days
        await prune(database, (days + 0.5) * DAY)
        assert [count(database, table) for table in tables] == [0] * len(tables), days


async def test_what_still_matters_is_not_removed_by_its_age(database: Database, heartbeat: Heartbeat) -> None:
    def write(connection: Connection) -> None:
        target = a_target(connection, heartbeat)
        a_message(connection, heartbeat, target, status="pending", next_attempt_at=NOW)
        a_message(connection, heartbeat, target, status="held")
        a_finding(connection, heartbeat)
        tomorrow = NOW + DAY
        insert(HeldTick, heartbeat_id=mine, tick=tomorrow, held_by="me", created_at=NOW)(connection, heartbeat)
        insert(ProjectHold, **HOLD)(connection, heartbeat)

    database.write_now(write)
    await prune(database, 2_000 * DAY)
    assert [count(database, table) for table in (Notification, Event, Finding, HeldTick, ProjectHold)] == [
        2,
        2,
        1,
        1,
        1,
    ]


async def test_all_that_is_over_goes_however_much_it_is(
    database: Database, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aged, "BATCH_SIZE", 2)
    database.write_now(lambda c: a_message(c, heartbeat, a_target(c, heartbeat), status="held"))
    for _ in range(5):
        database.write_now(a_told_event, heartbeat)
    days = [insert(HeartbeatDay, heartbeat_id=mine, day=a_day(NOW - number * DAY), **SUMS) for number in range(5)]
    for write in days:
        database.write_now(write, heartbeat)
    await prune(database, 2_000 * DAY)
    assert (count(database, HeartbeatDay), count(database, Event)) == (0, 1), "all but what is on its way"


def answers(database: Database, number: int, heartbeat: Heartbeat) -> None:
    """Write some first answers to requests, which are over after a day."""

    def write(connection: Connection) -> None:
        for key in range(number):
            insert(IdempotencyKey, **{**ANSWER, "key": f"{key}"}, claimed_at=NOW, created_at=NOW)(connection, heartbeat)

    database.write_now(write)


async def test_what_goes_by_its_age_is_looked_for_once_an_hour(database: Database, heartbeat: Heartbeat) -> None:
    """In whichever minute: Upkeep skips some when it takes long."""
    old, process, left = NOW + 2 * DAY, Pruning(database, {}), []
    for minutes in (0, 59, 60):
        answers(database, 1 - count(database, IdempotencyKey), heartbeat)
        await process.run(old + minutes * HOUR / 60, seconds=60.0)
        left.append(count(database, IdempotencyKey))
    assert left == [0, 1, 0]


def slow_down(monkeypatch: pytest.MonkeyPatch, name: str, seconds: float) -> None:
    """Have time pass by one kind of transaction alone, each of which takes so long."""
    moments, change = [0.0], getattr(pruning, name)

    def slow(*args: Any, **kwargs: Any) -> Any:
        moments.append(moments[-1] + seconds)
        return change(*args, **kwargs)

    monkeypatch.setattr(pruning, "monotonic", lambda: moments[-1])
    monkeypatch.setattr(pruning, name, slow)


MONTHLY = {"self_hosted": Plan(logs_days=30)}


def old_logs(database: Database, heartbeat: Heartbeat) -> None:
    """Write a log that is over, and one that is not."""
    for days in (40, 1):
        ended = NOW - days * DAY
        database.write_now(lambda c, at=ended: a_run(c, heartbeat, created_at=at, finished_at=at))


async def test_bots_do_not_keep_it_waiting(
    database: Database, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_logs(database, heartbeat)
    answers(database, 1, heartbeat)
    slow_down(monkeypatch, "prune_logs", 30.0)
    await Pruning(database, MONTHLY).run(NOW + 2 * DAY, seconds=20.0)
    assert (count(database, Run), count(database, IdempotencyKey)) == (1, 0)


async def test_nor_does_it_keep_bots_waiting_and_goes_on_the_next_minute(
    database: Database, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_logs(database, heartbeat)
    answers(database, 20, heartbeat)
    monkeypatch.setattr(aged, "BATCH_SIZE", 1)
    slow_down(monkeypatch, "prune_aged", 0.5)
    process, left = Pruning(database, MONTHLY), []
    for minute in range(3):
        await process.run(NOW + 2 * DAY + minute * HOUR / 60, seconds=20.0)
        left.append(count(database, IdempotencyKey))
    assert count(database, Run) == 1
    assert left[0] > left[1] > left[2] == 0


async def test_no_total_falls_when_heartbeats_are_removed(
    database: Database, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aged, "DELETED_SIZE", 1)

    def write(connection: Connection) -> None:
        for number in (1, 2):
            counted = {f"{what}_count": number for what in ("success", "total_error", "skipped", "cancelled", "missed")}
            a_task(connection, heartbeat, deleted_at=NOW, enabled=False, **counted)

    database.write_now(write)
    before = database.read_now(counts)
    await prune(database, 400 * DAY)
    assert count(database, Heartbeat) == 1
    assert (before.tally.runs["error"], before.tally.missed_ticks) == (3, 3)
    assert database.read_now(counts) == before


async def test_a_deleted_heartbeat_goes_once_nothing_refers_to_it(database: Database, heartbeat: Heartbeat) -> None:
    def write(connection: Connection) -> None:
        task = a_task(connection, heartbeat)
        a_finding(connection, task)
        a_run(connection, task, created_at=NOW, finished_at=NOW)
        states.delete(connection, task, NOW)

    database.write_now(write)
    await prune(database, 400 * DAY)
    assert (count(database, Heartbeat), count(database, Finding)) == (2, 1)
    database.write_now(lambda c: c.execute(columns(Run).delete()))
    await prune(database, 400 * DAY + EVERY)
    assert (count(database, Heartbeat), count(database, HeartbeatDay)) == (2, 1), "what it used is shown for five years"
    await prune(database, 61 * 31.5 * DAY)
    assert (count(database, Heartbeat), count(database, Finding), count(database, HeartbeatDay)) == (1, 0, 0)


async def test_a_heartbeat_without_numbers_goes_thirteen_months_after_it_was_deleted(
    database: Database, heartbeat: Heartbeat
) -> None:
    def write(connection: Connection) -> None:
        task = a_task(connection, heartbeat)
        a_finding(connection, task)
        states.delete(connection, task, NOW)

    database.write_now(write)
    await prune(database, 390 * DAY)
    assert count(database, Heartbeat) == 2
    await prune(database, 400 * DAY)
    assert (count(database, Heartbeat), count(database, Finding)) == (1, 0)
