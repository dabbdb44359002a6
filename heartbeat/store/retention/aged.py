"""What is removed by its age alone, and what somebody deleted long ago."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, exists, func, or_, select, true, tuple_
from sqlmodel import SQLModel

from heartbeat.store.database.rows import columns, insert
from heartbeat.store.retention.logs import remove_events
from heartbeat.store.retention.rules import RULES, Age, OnceDeleted
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.credits import DailyRollup, HeartbeatDay
from heartbeat.store.tables.gates import GateReading, GateState
from heartbeat.store.tables.heartbeats import Heartbeat, HeldTick, RemovedHeartbeats
from heartbeat.store.tables.notifications import Event, Finding, Notification, Target
from heartbeat.store.tables.runs import Run
from heartbeat.store.tables.types import BIG, UtcDateTime

EVENT, NOTIFICATION, RUN = columns(Event), columns(Notification), columns(Run)
HEARTBEAT, SUBSCRIBER, TARGET, BOT = (columns(one) for one in (Heartbeat, Subscriber, Target, Bot))
ROLLUP, DAY, FINDING = columns(DailyRollup), columns(HeartbeatDay), columns(Finding)
REMOVED = columns(RemovedHeartbeats)

BATCH_SIZE = 500
# Of what was deleted: each is looked for in all tables that refer to it, here and once more by the database.
DELETED_SIZE = 100

_OF_BOT = bindparam("bot", type_=BIG)
# Of each bot apart, by indexes that begin with it.
OF_BOT: dict[type[SQLModel], ColumnElement[bool]] = {
    DailyRollup: ROLLUP.c.bot_id == _OF_BOT,
    HeartbeatDay: DAY.c.heartbeat_id.in_(select(HEARTBEAT.c.id).where(HEARTBEAT.c.bot_id == _OF_BOT)),
    Finding: FINDING.c.bot_id == _OF_BOT,
}
# Small tables, or with an index by the time that counts.
OF_ALL = [
    table for table, rule in RULES.items() if isinstance(rule, Age) and table not in OF_BOT and table is not Event
]
# What goes together with what somebody deleted; everything else that refers to it keeps it.
BELONGINGS: dict[type[SQLModel], tuple[type[SQLModel], ...]] = {
    Heartbeat: (GateState, GateReading, HeldTick, Finding),
    Subscriber: (),
    Target: (),
    Bot: (),
}
COUNTED = [column.name for column in REMOVED.c if not column.primary_key]


def prune_aged(connection: Connection, table: type[SQLModel], now: datetime, bot_id: int | None = None) -> int:
    """Remove the rows of `table` that its rule lets go, perhaps of one bot; returns how many, `BATCH_SIZE` at most."""
    rule, rows = RULES[table], columns(table)
    assert isinstance(rule, Age)
    before = now - rule.after
    # Days are kept as they are spelled.
    is_old = rule.since < (before if isinstance(rule.since.type, UtcDateTime) else f"{before:%Y-%m-%d}")
    which = true() if bot_id is None else OF_BOT[table]
    return _remove(connection, rows, is_old & rule.condition & which, {} if bot_id is None else {"bot": bot_id})


def prune_events(connection: Connection, now: datetime) -> int:
    """Remove the oldest events with their notifications, but what is on its way; returns how many events."""
    rule = RULES[Event]
    assert isinstance(rule, Age)
    on_its_way = exists().where(NOTIFICATION.c.event_id == EVENT.c.id, NOTIFICATION.c.status.in_(("pending", "held")))
    oldest = select(EVENT.c.id, EVENT.c.created_at).where(~on_its_way).order_by(EVENT.c.id).limit(BATCH_SIZE)
    old = [row.id for row in connection.execute(oldest) if row.created_at < now - rule.after]
    return remove_events(connection, EVENT.c.id.in_(old))


def prune_of_bot(connection: Connection, bot_id: int, now: datetime) -> int:
    """Remove what is too old of a bot's numbers and findings, and what was deleted long ago; returns how many rows."""
    aged = sum(prune_aged(connection, table, now, bot_id) for table in OF_BOT)
    heartbeats = prune_deleted(connection, Heartbeat, now, HEARTBEAT.c.bot_id == bot_id)
    members = prune_deleted(connection, Subscriber, now, SUBSCRIBER.c.bot_id == bot_id)
    return aged + heartbeats + members + prune_deleted(connection, Bot, now, BOT.c.id == bot_id)


def prune_deleted(connection: Connection, table: type[SQLModel], now: datetime, which: Any = None) -> int:
    """Remove rows that somebody deleted long ago and that nothing refers to; returns how many."""
    rule, rows = RULES[table], columns(table)
    assert isinstance(rule, OnceDeleted)
    is_old = rows.c.deleted_at < now - rule.after
    unneeded = ~or_(*_referring(table)) & is_old & (true() if which is None else which)
    chosen = select(rows.c.id).where(unneeded).limit(DELETED_SIZE).with_for_update(skip_locked=True)
    ids = list(connection.execute(chosen).scalars())
    if not ids:
        return 0
    if table is Heartbeat:
        _keep_counted(connection, ids)
    for other in BELONGINGS[table]:
        connection.execute(delete(columns(other)).where(columns(other).c.heartbeat_id.in_(ids)))
    return connection.execute(delete(rows).where(rows.c.id.in_(ids))).rowcount


def _keep_counted(connection: Connection, heartbeat_ids: Sequence[int]) -> None:
    """Add what these heartbeats counted to what those that went before them did."""
    sums = select(*(func.sum(HEARTBEAT.c[name]).label(name) for name in COUNTED))
    counted = connection.execute(sums.where(HEARTBEAT.c.id.in_(heartbeat_ids))).one()._asdict()
    statement = insert(connection, REMOVED).values(id=1, **counted)
    added = {name: REMOVED.c[name] + statement.excluded[name] for name in COUNTED}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=added))


def _referring(table: type[SQLModel]) -> Iterable[ColumnElement[bool]]:
    """Whether rows of other tables refer to a row of this one, but those that go with it."""
    rows, own = columns(table), {columns(other) for other in BELONGINGS[table]}
    for other in SQLModel.metadata.sorted_tables:
        for key in () if other in own else other.foreign_keys:
            if key.column.table is rows:
                yield exists().where(key.parent == rows.c.id)
    if table is Subscriber:
        # Runs name their member without a foreign key.
        yield exists().where(RUN.c.bot_id == SUBSCRIBER.c.bot_id, RUN.c.member_id == SUBSCRIBER.c.id)


def _remove(connection: Connection, rows: Table, which: ColumnElement[bool], values: dict[str, Any]) -> int:
    key = list(rows.primary_key.columns)
    chosen = select(*key).where(which).limit(BATCH_SIZE)
    if len(key) > 1:
        return connection.execute(delete(rows).where(tuple_(*key).in_(chosen)), values).rowcount
    return connection.execute(delete(rows).where(key[0].in_(chosen)), values).rowcount
