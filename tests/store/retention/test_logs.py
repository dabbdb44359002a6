"""Old runs: first without their texts, then gone with all that they left. What was counted of them stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update
from sqlmodel import SQLModel

from heartbeat.domain.errors import Conflict
from heartbeat.domain.plans import DEFAULT_PLANS, Plan
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.retention import logs as retention_logs
from heartbeat.store.retention.logs import empty_logs, prune_logs
from heartbeat.store.retention.pruning import Pruning, due_bots
from heartbeat.store.runs.logs import LogFilter, executed_logs, logs
from heartbeat.store.runs.variants import replayable
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import DailyRollup, Entry, HeartbeatDay, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification
from heartbeat.store.tables.runs import Approval, Attempt, Run, Step, Variant
from tests.support.past_runs import a_call, a_run, a_step, an_attempt, an_entry, change
from tests.support.pending_rows import a_message, a_park, a_target, an_approval
from tests.support.runs import LIMITS, opened, scheduled
from tests.support.seeds import NOW, access_to, heartbeat_row

RUN = columns(Run)
OLD, LIMIT = NOW - timedelta(days=100), NOW - timedelta(days=90)
DELIVERED = {"status": "delivered", "next_attempt_at": None}
FINDING = {"fingerprint": "disk", "severity": "warning", "news": "new"}
COUNTED = (DailyRollup, HeartbeatDay, Usage, Entry)


def an_old_run(connection: Connection, heartbeat: Heartbeat, status: str = "success", **values: Any) -> Run:
    """A run of a hundred days ago."""
    uuid = a_run(connection, heartbeat, status, created_at=OLD, finished_at=OLD, credits_charged=0, **values)
    return exactly_one(connection, Run, select(RUN).where(RUN.c.uuid == uuid))


def a_whole_run(connection: Connection, heartbeat: Heartbeat) -> Run:
    """An old run with a row of everything that a run leaves."""
    run = an_old_run(connection, heartbeat, prompt="Hush.", instruction="Hush.", opening="Hush.", report={"a": "Hush."})
    a_step(connection, run.uuid, 1, answer="Hush.", messages='[{"parts": "Hush."}]', reminder="Hush.")
    a_call(connection, run.uuid, 2, state="done", answer="Hush.", arguments='{"a": "Hush."}', failure="Hush.")
    an_attempt(connection, run.uuid, 1, provider_words="Hush.")
    an_approval(connection, run, state="approved", arguments='{"a": "Hush."}', why="Hush.")
    an_entry(connection, run.uuid, 1, "settle")
    a_message(connection, heartbeat, a_target(connection, heartbeat), run_id=run.id, **DELIVERED)
    return run


def written(database: Database, work: Callable[..., Any], *args: Any) -> Any:
    return database.write_now(lambda connection: work(connection, *args))


def pruned(database: Database, heartbeat: Heartbeat) -> int:
    return database.write_now(prune_logs, heartbeat.bot_id, LIMIT, 0).changed


def numbers(database: Database) -> dict[str, Any]:
    """All that was counted of runs."""

    def read(connection: Connection) -> dict[str, Any]:
        rows = {table.__name__: connection.execute(select(columns(table))).all() for table in COUNTED}
        row = connection.execute(select(columns(Heartbeat))).one()._mapping
        return rows | {name: number for name, number in row.items() if "pruned" not in name}

    return database.read_now(read)


def count(database: Database, table: type[SQLModel]) -> int:
    return database.read_now(lambda c: c.execute(select(func.count()).select_from(columns(table))).scalar_one())


LEFT = (Run, Step, Attempt, Approval, Event, Notification)


def test_an_old_run_goes_with_all_that_it_left_and_every_number_stays(database: Database, heartbeat: Heartbeat) -> None:
    written(database, a_whole_run, heartbeat)
    for status in ("error", "skipped", "cancelled"):
        written(database, an_old_run, heartbeat, status)
    young = written(database, lambda c: a_run(c, heartbeat, credits_charged=0))
    before = numbers(database)
    assert pruned(database, heartbeat) == 4
    assert [count(database, table) for table in LEFT] == [1, 0, 0, 0, 0, 0]
    assert numbers(database) == before
    assert database.read_now(audit) == []
    rows, total = database.read_now(logs, LogFilter(heartbeat.bot_id), Page(1, 10))
    assert ([row.uuid for row in rows], total) == ([young], 1)
    for status, number in (("success", 1), ("error", 0), ("skipped", 0), ("cancelled", 0)):
        assert database.read_now(logs, LogFilter(heartbeat.bot_id, status=status), Page(1, 10))[1] == number
    row = database.read_now(heartbeat_row, heartbeat.uuid)
    assert database.read_now(executed_logs, row, Page(1, 10))[1] == 1
    assert pruned(database, heartbeat) == 0


def test_no_run_gets_the_id_of_one_that_is_gone(database: Database, heartbeat: Heartbeat) -> None:
    """It would be taken for that one, of which the ledger still has the entries."""
    runs = []
    for is_pruned in (0, 1, 1):
        runs.append(written(database, a_whole_run, heartbeat))
        assert pruned(database, heartbeat) == is_pruned
    assert len({run.id for run in runs}) == 3
    assert database.read_now(lambda c: many(c, Run, select(RUN)))[0].uuid == runs[-1].uuid


def test_what_was_in_a_summary_is_in_none_once_that_is_gone(database: Database, heartbeat: Heartbeat) -> None:
    notification = columns(Notification)

    def write(connection: Connection) -> None:
        run, target = an_old_run(connection, heartbeat), a_target(connection, heartbeat)
        a_message(connection, heartbeat, target, **DELIVERED)
        a_message(connection, heartbeat, target, run_id=run.id, **DELIVERED)
        parts = update(notification).where(notification.c.id == 1)
        connection.execute(parts.values(summary_id=2))
        a_run(connection, heartbeat)

    written(database, write)
    assert pruned(database, heartbeat) == 1
    rows = database.read_now(lambda c: many(c, Notification, select(notification)))
    assert [(row.id, row.summary_id) for row in rows] == [(1, None)]


def of_today(connection: Connection, run: Run) -> None:
    change(connection, run.uuid, finished_at=NOW)


def in_progress(connection: Connection, run: Run) -> None:
    change(connection, run.uuid, status="running", finished_at=None)


def waiting_for_a_person(connection: Connection, run: Run) -> None:
    in_progress(connection, run)
    an_approval(connection, run)


def parked(connection: Connection, run: Run) -> None:
    in_progress(connection, run)
    a_park(connection, run)


def promised_a_replay(connection: Connection, run: Run) -> None:
    row = {"run_uuid": "log_r", "project_id": run.project_id, "replay_of": run.uuid, "changes": {}, "created_at": NOW}
    connection.execute(columns(Variant).insert().values(row))


def being_replayed(connection: Connection, run: Run) -> None:
    values = {"uuid": "log_r", "workflow_id": "replay", "dry_run": True, "replay_of": run.uuid, "status": "running"}
    row = {**vars(run), **values, "created_at": NOW, "finished_at": None, "scheduled_for": None}
    connection.execute(RUN.insert().values({name: row[name] for name in set(RUN.c.keys()) - {"id"}}))


def replayed(connection: Connection, run: Run) -> None:
    being_replayed(connection, run)
    connection.execute(update(RUN).where(RUN.c.uuid == "log_r").values(status="success", finished_at=NOW))


def being_told(connection: Connection, run: Run) -> None:
    heartbeat = exactly_one(connection, Heartbeat, select(columns(Heartbeat)))
    a_message(connection, heartbeat, a_target(connection, heartbeat), run_id=run.id, status="held")


# What each kind of event says, and what is left of it.
SAID: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "run.finding",
        {"run": "log_1", "summary": "Hush.", "findings": [{**FINDING, "title": "Hush.", "detail": "Hush."}]},
        {"run": "log_1", "summary": None, "findings": [{**FINDING, "title": "…", "detail": None}]},
    ),
    (
        "user.notified",
        {"title": "Hush.", "message": "Hush.", "priority": "low", "action_url": "https://hush.test"},
        {"title": "…", "message": "…", "priority": "low", "action_url": None},
    ),
    ("approval.requested", {"tool": "desk__find", "why": "Hush."}, {"tool": "desk__find", "why": "…"}),
    ("run.failed", {"code": "overloaded", "message": "It broke."}, {"code": "overloaded", "message": "It broke."}),
]


def test_the_texts_of_events_are_emptied(database: Database, heartbeat: Heartbeat) -> None:
    def write(connection: Connection) -> None:
        run, target = an_old_run(connection, heartbeat), a_target(connection, heartbeat)
        for kind, data, _ in SAID:
            a_message(connection, heartbeat, target, kind=kind, data=data, run_id=run.id, **DELIVERED)

    written(database, write)
    assert database.write_now(empty_logs, heartbeat.bot_id, LIMIT, 0, NOW).changed == 1
    events = database.read_now(lambda c: many(c, Event, select(columns(Event)).order_by(columns(Event).c.id)))
    assert [event.data for event in events] == [left for _, _, left in SAID]


NEEDED = (of_today, in_progress, waiting_for_a_person, parked, promised_a_replay, being_replayed)


@pytest.mark.parametrize("need", [*NEEDED, replayed, being_told], ids=lambda need: need.__name__)
def test_what_is_needed_stays(database: Database, heartbeat: Heartbeat, need: Callable[..., None]) -> None:
    run = written(database, an_old_run, heartbeat)
    written(database, an_old_run, heartbeat)
    written(database, a_run, heartbeat)
    written(database, need, run)
    assert pruned(database, heartbeat) == 1
    assert run.uuid in {row.uuid for row in database.read_now(lambda c: many(c, Run, select(RUN)))}


@pytest.mark.parametrize("need", [*NEEDED, being_told], ids=lambda need: need.__name__)
def test_the_texts_of_what_is_needed_stay(database: Database, heartbeat: Heartbeat, need: Callable[..., None]) -> None:
    run = written(database, an_old_run, heartbeat)
    written(database, need, run)
    assert database.write_now(empty_logs, heartbeat.bot_id, LIMIT, 0, NOW).changed == 0
    assert database.read_now(lambda c: exactly_one(c, Run, select(RUN).where(RUN.c.uuid == run.uuid))).prompt


def test_texts_are_emptied_and_the_log_stays(database: Database, heartbeat: Heartbeat) -> None:
    run = written(database, a_whole_run, heartbeat)
    young = written(database, a_run, heartbeat, "success")
    before = numbers(database)
    batch = database.write_now(empty_logs, heartbeat.bot_id, LIMIT, 0, NOW)
    assert (batch.changed, batch.last_run_id) == (1, None)
    tables = (Run, Step, Attempt, Approval)
    rows = database.read_now(lambda c: [c.execute(select(columns(table))).all() for table in tables])
    assert "Hush." not in repr(rows)
    assert [len(each) for each in rows] == [2, 2, 1, 1]
    assert numbers(database) == before
    emptied, other = database.read_now(lambda c: many(c, Run, select(RUN).order_by(RUN.c.id)))
    assert (emptied.emptied_at, emptied.status, emptied.tokens_used) == (NOW, "success", 1250)
    assert (other.uuid, other.emptied_at, other.prompt) == (young, None, heartbeat.prompt)
    bot = database.read_now(lambda c: exactly_one(c, Bot, select(columns(Bot))))
    assert bot.emptied_run_id == run.id
    with pytest.raises(Conflict, match="not kept any longer"):
        database.read_now(lambda c: replayable(c, access_to(c, bot), run.uuid))


def test_what_a_bot_keeps_in_mind_stops_before_a_run_that_is_not_empty(
    database: Database, heartbeat: Heartbeat
) -> None:
    runs = [written(database, an_old_run, heartbeat) for _ in range(3)]
    written(database, in_progress, runs[1])
    assert database.write_now(empty_logs, heartbeat.bot_id, LIMIT, 0, NOW).changed == 2
    assert [bot.emptied_run_id for bot in database.read_now(due_bots, NOW)] == [0]
    change_back = {"status": "error", "finished_at": OLD}
    written(database, lambda c: change(c, runs[1].uuid, **change_back))
    assert database.write_now(empty_logs, heartbeat.bot_id, LIMIT, 0, NOW).changed == 1
    assert [bot.emptied_run_id for bot in database.read_now(due_bots, NOW)] == [runs[1].id]


def test_what_is_empty_behind_such_a_run_is_not_walked_again(
    database: Database, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_logs, "BATCH_SIZE", 2)
    for name in ("OLDEST", "NOT_EMPTIED"):
        monkeypatch.setattr(retention_logs, name, getattr(retention_logs, name).limit(2))
    runs = [written(database, an_old_run, heartbeat) for _ in range(5)]
    written(database, in_progress, runs[0])

    def walked() -> list[int]:
        """Empty all that can be, and return how many each batch emptied."""
        changed: list[int] = []
        after: int | None = 0
        while after is not None:
            batch = database.write_now(empty_logs, heartbeat.bot_id, LIMIT, after, NOW)
            changed, after = [*changed, batch.changed], batch.last_run_id
        return changed

    assert [walked(), walked()] == [[1, 2, 1], [0]]


def test_one_that_is_interrupted_leaves_everything_as_it_was(
    database: Database, heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill does: everything before the commit is as if it had not been."""
    written(database, a_whole_run, heartbeat)
    written(database, a_run, heartbeat)
    before = [count(database, table) for table in LEFT], numbers(database)

    remove_runs = retention_logs.remove_runs

    def is_killed(connection: Connection, run_ids: list[int]) -> None:
        remove_runs(connection, run_ids)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention_logs, "remove_runs", is_killed)
        with pytest.raises(KeyboardInterrupt):
            pruned(database, heartbeat)
    assert ([count(database, table) for table in LEFT], numbers(database)) == before
    assert pruned(database, heartbeat) == 1


@pytest.mark.parametrize(
    ("plan", "runs", "texts"),
    [
        (Plan(), 3, 3),
        (Plan(logs_days=90), 1, 1),
        (Plan(prompts_days=90), 3, 1),
        (Plan(logs_days=365, prompts_days=90), 3, 1),
        (None, 3, 3),
    ],
    ids=["for_ever", "logs", "prompts", "both", "unknown_plan"],
)
async def test_a_plan_says_how_long(
    database: Database,
    heartbeat: Heartbeat,
    monkeypatch: pytest.MonkeyPatch,
    plan: Plan | None,
    runs: int,
    texts: int,
) -> None:
    monkeypatch.setattr(retention_logs, "BATCH_SIZE", 1)
    for name in ("OLDEST", "NOT_EMPTIED"):
        monkeypatch.setattr(retention_logs, name, getattr(retention_logs, name).limit(1))
    for _ in range(2):
        written(database, an_old_run, heartbeat)
    written(database, lambda c: a_run(c, heartbeat, created_at=NOW))
    plans = {"self_hosted": plan} if plan else {}
    assert await Pruning(database, plans).run(NOW, seconds=0.0) == 0
    assert count(database, Run) == 3
    await Pruning(database, plans).run(NOW, seconds=60.0)
    rows = database.read_now(lambda c: many(c, Run, select(RUN)))
    assert (len(rows), sum(row.prompt != "" for row in rows)) == (runs, texts)
    # Looked through, and not again for some hours.
    assert database.read_now(due_bots, NOW) == []
    assert len(database.read_now(due_bots, NOW + timedelta(hours=6))) == 1


@pytest.mark.parametrize("days", [90, 365, None])
def test_the_tick_of_a_log_that_is_gone_does_not_run_again(
    database: Database, heartbeat: Heartbeat, days: int | None
) -> None:
    """Whatever the plan says by then: it may be another one."""
    tick = NOW + timedelta(minutes=1)
    run = opened(database, scheduled(heartbeat, tick), now=tick).run
    assert run is not None
    later = tick + timedelta(days=91)
    written(database, lambda c: change(c, run.uuid, status="success", finished_at=tick))
    written(database, a_run, heartbeat)
    assert database.write_now(prune_logs, heartbeat.bot_id, later - timedelta(days=90), 0).changed == 1
    plans = {**DEFAULT_PLANS, "self_hosted": Plan(logs_days=days)}
    limits = type(LIMITS)(**{**vars(LIMITS), "plan": plans.__getitem__})
    again = opened(database, scheduled(heartbeat, tick), limits, later)
    assert (again.run, again.reason) == (None, "the log of this tick is not kept any longer")
    assert count(database, Run) == 1
