"""What a project's heartbeats and tasks are due next, over all bots, and those that stand still."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from heartbeat.store.bots.bots import BOT
from heartbeat.store.database.rows import built
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, NOT_DELETED
from heartbeat.store.heartbeats.held_ticks import held_of_all
from heartbeat.store.overview.projects import START, WITHOUT_PROMPT
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

_BOT_UUID = bindparam("bot_uuid", type_=String)
_NAMES = [column.name for column in (*WITHOUT_PROMPT, START)]
_BOT_WORKS = BOT.c.status & BOT.c.heartbeat
_BOTS = select(BOT.c.id).where(
    BOT.c.project_id == bindparam("project_id"),
    BOT.c.deleted_at.is_(None),
    or_(_BOT_UUID.is_(None), BOT.c.uuid == _BOT_UUID),
)
_LISTED = select(*WITHOUT_PROMPT, START, BOT.c.name.label("bot_name"), _BOT_WORKS.label("bot_works")).join(
    BOT, BOT.c.id == HEARTBEAT.c.bot_id
)
_MINE = (HEARTBEAT.c.project_id == bindparam("project_id")) & NOT_DELETED

# The ids come first, from an index: whole rows of all heartbeats would have to be sorted.
DUE = (
    select(HEARTBEAT.c.id)
    .where(
        _MINE,
        HEARTBEAT.c.enabled,
        HEARTBEAT.c.next_tick_at.is_not(None),
        HEARTBEAT.c.bot_id.in_(_BOTS.where(_BOT_WORKS)),
    )
    .order_by(HEARTBEAT.c.next_tick_at, HEARTBEAT.c.uuid)
    .limit(bindparam("limit"))
    .with_hint(HEARTBEAT, "INDEXED BY ix_heartbeat_upcoming", "sqlite")
)
# Named, so that the index of states leads to those that are paused.
_TYPES: ColumnElement[Any] = literal_column("heartbeat.type IN ('heartbeat', 'scheduled_task')")
_STILL = union_all(
    select(HEARTBEAT.c.id).where(
        _MINE, _TYPES, ~HEARTBEAT.c.enabled, HEARTBEAT.c.pause_reason.is_not(None), HEARTBEAT.c.bot_id.in_(_BOTS)
    ),
    select(HEARTBEAT.c.id).where(
        HEARTBEAT.c.bot_id.in_(_BOTS.where(~_BOT_WORKS)), _TYPES, NOT_DELETED, HEARTBEAT.c.enabled
    ),
).subquery()
STILL = (
    _LISTED.where(HEARTBEAT.c.id.in_(select(_STILL.c.id)))
    .order_by(HEARTBEAT.c.pause_since.desc(), HEARTBEAT.c.id)
    .limit(bindparam("limit"))
)
STILL_COUNT = select(func.count()).select_from(_STILL)
BOTS = (
    select(BOT.c.uuid, BOT.c.name)
    .where(BOT.c.project_id == bindparam("project_id"), BOT.c.deleted_at.is_(None))
    .order_by(BOT.c.name, BOT.c.id)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True)
class UpcomingHeartbeat:
    """A heartbeat or task, with the start of its prompt alone. `held` are its ticks that are held, with by whom."""

    heartbeat: Heartbeat
    bot_name: str
    bot_works: bool
    held: dict[datetime, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DueRange:
    """Those of one bot, if its public id is given, whose next tick is before `until`, and that come after `place`.

    A place is the next tick of a heartbeat and its public id.
    """

    bot_uuid: str | None = None
    until: datetime | None = None
    place: tuple[datetime, str] | None = None


def due_next(
    connection: Connection, project: Project, which: DueRange, limit: int, now: datetime
) -> list[UpcomingHeartbeat]:
    """Read those that are on, the ones due first first."""
    ids, due, uuid = DUE, HEARTBEAT.c.next_tick_at, HEARTBEAT.c.uuid
    if which.until:
        ids = ids.where(due < which.until)
    if which.place:
        at, after = which.place
        ids = ids.where(due >= at, or_(due > at, uuid > as_public_id(after)))
    in_order = _LISTED.where(HEARTBEAT.c.id.in_(ids)).order_by(due, uuid)
    rows = _rows(connection, in_order, project, which.bot_uuid, limit)
    by_id = {row.heartbeat.id: row for row in rows}
    for tick in held_of_all(connection, [row.heartbeat for row in rows], now):
        by_id[tick.heartbeat_id].held[tick.tick] = tick.held_by
    return rows


def standing_still(
    connection: Connection, project: Project, bot_uuid: str | None, limit: int
) -> tuple[list[UpcomingHeartbeat], int]:
    """Read those that the product paused or whose bot is switched off, and count them."""
    parameters = {"project_id": project.id, "bot_uuid": bot_uuid}
    return _rows(connection, STILL, project, bot_uuid, limit), connection.execute(STILL_COUNT, parameters).scalar_one()


def bot_names(connection: Connection, project: Project, limit: int) -> list[tuple[str, str]]:
    """List the public id and the name of each bot."""
    return [(row.uuid, row.name) for row in connection.execute(BOTS, {"project_id": project.id, "limit": limit})]


def _rows(
    connection: Connection, statement: Select[Any], project: Project, bot_uuid: str | None, limit: int
) -> list[UpcomingHeartbeat]:
    result = connection.execute(statement, {"project_id": project.id, "bot_uuid": bot_uuid, "limit": limit})
    rows = []
    for *values, bot_name, bot_works in result:
        rows.append(UpcomingHeartbeat(built(Heartbeat, _NAMES, values), bot_name, bool(bot_works)))
    return rows
