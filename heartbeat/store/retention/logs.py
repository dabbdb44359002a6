"""What becomes of old runs: their texts are emptied, and later they go with all that they left, bot by bot.

The numbers that they were counted in stay as they are: counters, daily numbers, balances, ratings. A run in progress,
one that waits for a person or for credits, one that somebody is still told of and one that a rehearsal replays stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.events import APPROVAL as APPROVAL_REQUESTED
from heartbeat.store.notifications.events import FINDING, NOTIFIED
from heartbeat.store.runs.logs import PRUNED
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification
from heartbeat.store.tables.runs import Approval, Attempt, Run, Step, Variant

RUN, STEP, ATTEMPT, APPROVAL, VARIANT = (columns(one) for one in (Run, Step, Attempt, Approval, Variant))
EVENT, NOTIFICATION, BOT, HEARTBEAT = columns(Event), columns(Notification), columns(Bot), columns(Heartbeat)

# Runs that one transaction looks at: on SQLite nobody else writes meanwhile.
BATCH_SIZE = 200

_BEFORE = bindparam("before", type_=RUN.c.created_at.type)
_REHEARSAL = RUN.alias("rehearsal")
_REPLAYED = or_(exists().where(_REHEARSAL.c.replay_of == RUN.c.uuid), exists().where(VARIANT.c.replay_of == RUN.c.uuid))
_BEING_REPLAYED = or_(
    exists().where(_REHEARSAL.c.replay_of == RUN.c.uuid, _REHEARSAL.c.status == "running"),
    exists().where(VARIANT.c.replay_of == RUN.c.uuid),
)
_BEING_TOLD = exists().where(
    EVENT.c.run_id == RUN.c.id, NOTIFICATION.c.event_id == EVENT.c.id, NOTIFICATION.c.status.in_(("pending", "held"))
)
# A run in progress waits for as long as it takes, parked or not, and has not ended before any day.
_ENDED = and_(RUN.c.status != "running", func.coalesce(RUN.c.finished_at, RUN.c.created_at) < _BEFORE)
_CANDIDATES = RUN.c.id.in_(bindparam("runs", expanding=True))
OLDEST: Select[Any] = (
    select(RUN.c.id, RUN.c.created_at)
    .where(RUN.c.bot_id == bindparam("bot"), RUN.c.id > bindparam("after"))
    .order_by(RUN.c.id)
    .limit(BATCH_SIZE)
)
# Those that are empty already are passed over, however many there are behind one that cannot be emptied yet.
NOT_EMPTIED = OLDEST.where(RUN.c.emptied_at.is_(None))
# What somebody else has locked is left for the next time.
LOCK = (
    select(RUN.c.id).where(_CANDIDATES, RUN.c.status != "running").order_by(RUN.c.id).with_for_update(skip_locked=True)
)
# SQLite gives the id after the largest one there is, and entries keep the ids of runs that are gone: the newest stays.
_NEWEST = RUN.alias("newest")
_IS_NOT_NEWEST = RUN.c.id < select(func.max(_NEWEST.c.id)).scalar_subquery()
GONE = select(RUN.c.id).where(_CANDIDATES, _IS_NOT_NEWEST, _ENDED, ~_REPLAYED, ~_BEING_TOLD)
PAST = select(RUN.c.id).where(_CANDIDATES, _ENDED, RUN.c.emptied_at.is_(None), ~_BEING_REPLAYED, ~_BEING_TOLD)
EMPTY = (
    (RUN.c.id, update(RUN).values(prompt="", instruction="", opening=None, response=None, report=None)),
    (STEP.c.run_id, update(STEP).values(answer="", arguments=None, progress=None, failure=None, reminder=None)),
    (STEP.c.run_id, update(STEP).values(messages=case((STEP.c.kind == "model", "[]"), else_=""))),
    (ATTEMPT.c.run_id, update(ATTEMPT).values(provider_words=None)),
    (APPROVAL.c.run_id, update(APPROVAL).values(arguments="{}", why="")),
)
# Of these events: what agents and servers said, and what stands there instead, for a message has a title.
TELLING = (FINDING, NOTIFIED, APPROVAL_REQUESTED)
TEXTS = {"summary": None, "detail": None, "action_url": None, "title": "…", "message": "…", "why": "…"}
SAYING = select(EVENT.c.id, EVENT.c.data).where(
    EVENT.c.run_id.in_(bindparam("runs", expanding=True)), EVENT.c.kind.in_(TELLING)
)
EMPTY_EVENT = update(EVENT).where(EVENT.c.id == bindparam("event")).values(data=bindparam("texts"))


@dataclass(frozen=True)
class LogBatch:
    """How many runs were changed, and the last one that was looked at; `None`: all that are old enough were."""

    changed: int
    last_run_id: int | None


COUNT_PRUNED = (
    update(HEARTBEAT)
    .where(HEARTBEAT.c.id == bindparam("heartbeat"))
    .values(
        pruned_success_count=HEARTBEAT.c.pruned_success_count + bindparam("success"),
        pruned_error_count=HEARTBEAT.c.pruned_error_count + bindparam("error"),
        pruned_skipped_count=HEARTBEAT.c.pruned_skipped_count + bindparam("skipped"),
        pruned_cancelled_count=HEARTBEAT.c.pruned_cancelled_count + bindparam("cancelled"),
    )
)


def prune_logs(connection: Connection, bot_id: int, before: datetime, after: int) -> LogBatch:
    """Remove those of a bot's next runs after the id `after` that ended before `before`, with all that they left."""
    old = _old(connection, OLDEST, bot_id, before, after)
    locked = _locked(connection, [row.id for row in old])
    # Asked once they are locked: what came to need one of them has been committed by now, or will not find it.
    gone = list(connection.execute(GONE, {"runs": locked, "before": before}).scalars())
    if gone:
        remove_runs(connection, gone)
    return LogBatch(len(gone), old[-1].id if len(old) == BATCH_SIZE else None)


def remove_runs(connection: Connection, run_ids: Sequence[int]) -> None:
    """Delete runs and what belongs to them. Their entries stay in the ledger, and keep their numbers.

    What lists of logs count goes down by them, and what was counted of them stays.
    """
    of_status = [RUN.c.heartbeat_id, RUN.c.status, func.count()]
    counted = select(*of_status).where(RUN.c.id.in_(run_ids), RUN.c.dry_run.is_(False))
    by_heartbeat = counted.group_by(RUN.c.heartbeat_id, RUN.c.status).order_by(RUN.c.heartbeat_id, RUN.c.status)
    for heartbeat_id, status, number in connection.execute(by_heartbeat).all():
        numbers = {**dict.fromkeys(PRUNED, 0), status: number}
        connection.execute(COUNT_PRUNED, {"heartbeat": heartbeat_id, **numbers})
    remove_events(connection, EVENT.c.run_id.in_(run_ids))
    for table in (APPROVAL, ATTEMPT, STEP):
        connection.execute(delete(table).where(table.c.run_id.in_(run_ids)))
    connection.execute(delete(RUN).where(RUN.c.id.in_(run_ids)))


def remove_events(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete events with their notifications; returns how many events."""
    of_them = NOTIFICATION.c.event_id.in_(select(EVENT.c.id).where(which))
    # SQLite may give the id of the newest one anew, and what was in that summary is not in another one.
    in_summary = NOTIFICATION.c.summary_id.in_(select(NOTIFICATION.c.id).where(of_them))
    connection.execute(update(NOTIFICATION).where(in_summary).values(summary_id=None))
    connection.execute(delete(NOTIFICATION).where(of_them))
    return connection.execute(delete(EVENT).where(which)).rowcount


def empty_logs(connection: Connection, bot_id: int, before: datetime, after: int, now: datetime) -> LogBatch:
    """Empty the texts of those of a bot's next runs after the id `after` that ended before `before`.

    Up to where all are empty the bot keeps in mind, so that they are not looked at again.
    """
    old = _old(connection, NOT_EMPTIED, bot_id, before, after)
    locked = _locked(connection, [row.id for row in old])
    past = list(connection.execute(PAST, {"runs": locked, "before": before}).scalars())
    if past:
        empty_runs(connection, past, now)
    if old and len(past) == len(old):
        is_next = (BOT.c.id == bot_id) & (BOT.c.emptied_run_id == after)
        connection.execute(update(BOT).where(is_next).values(emptied_run_id=old[-1].id))
    return LogBatch(len(past), old[-1].id if len(old) == BATCH_SIZE else None)


def empty_runs(connection: Connection, run_ids: Sequence[int], now: datetime) -> None:
    """Empty what people, agents, models and tools said in these runs; states, times and numbers stay."""
    for run_id, statement in EMPTY:
        connection.execute(statement.where(run_id.in_(run_ids)))
    events = connection.execute(SAYING, {"runs": run_ids}).all()
    if events:
        connection.execute(EMPTY_EVENT, [{"event": event.id, "texts": _without_texts(event.data)} for event in events])
    connection.execute(update(RUN).where(RUN.c.id.in_(run_ids)).values(emptied_at=now))


def _without_texts(data: dict[str, Any]) -> dict[str, Any]:
    emptied = {name: TEXTS.get(name, value) for name, value in data.items()}
    return {**emptied, "findings": list(map(_without_texts, data["findings"]))} if "findings" in data else emptied


def _old(connection: Connection, which: Select[Any], bot_id: int, before: datetime, after: int) -> list[Row[Any]]:
    rows = connection.execute(which, {"bot": bot_id, "after": after}).all()
    # Ids are in the order of time, so the first one that is too young is the last to look at.
    return list(takewhile(lambda row: row.created_at < before, rows))


def _locked(connection: Connection, run_ids: list[int]) -> list[int]:
    return list(connection.execute(LOCK, {"runs": run_ids}).scalars()) if run_ids else []
