"""Messages as they are listed: newest first, each with its target and its event, in pages and counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Select, bindparam, exists, func, select, update

from heartbeat.store.database.list_marks import NEWEST, ListPlace, MarkedList, Parameters, committed, counted
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import all_joined, columns
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, RemovedMessages, Target

TARGET, NOTIFICATION, EVENT = columns(Target), columns(Notification), columns(Event)
BOT, HEARTBEAT, REMOVED = columns(Bot), columns(Heartbeat), columns(RemovedMessages)

FILLED_AT_ONCE = 500
# Those that have one of the latter keep it.
ON_ITS_WAY, FINAL = ("pending", "held"), ("delivered", "failed")
_OF_PROJECT = NOTIFICATION.c.project_id == bindparam("project")
_TARGET = select(TARGET.c.id).where(TARGET.c.uuid == bindparam("target"), TARGET.c.project_id == bindparam("project"))
# Each in the words of an index that has all of it, with the ids in order.
_CONDITIONS = {
    "project": _OF_PROJECT,
    "bot": NOTIFICATION.c.bot_id == bindparam("bot"),
    "status": NOTIFICATION.c.status == bindparam("status"),
    "kind": NOTIFICATION.c.kind == bindparam("kind"),
    "target": NOTIFICATION.c.target_id == _TARGET.scalar_subquery(),
}
# What a worker of the version before wrote has no kind of its own until Upkeep has filled it in.
_LACKING = select(exists().where(_OF_PROJECT, NOTIFICATION.c.kind.is_(None)))
_EVENTS = select(EVENT.c.id).where(EVENT.c.project_id == bindparam("project"), EVENT.c.kind == bindparam("kind"))
_OF_EVENTS = NOTIFICATION.c.event_id.in_(_EVENTS)
REMOVED_BY_NOW = select(REMOVED.c.count).where(REMOVED.c.project_id == bindparam("project"))
FIRST_ON_ITS_WAY = select(func.min(NOTIFICATION.c.id)).where(_OF_PROJECT, NOTIFICATION.c.status.in_(ON_ITS_WAY))


@dataclass(frozen=True)
class ListedNotification:
    """A notification with its target and its event, and what it is about.

    `summary_uuid` is the message that told of it among others; `label` and `timezone` are the heartbeat's.
    """

    notification: Notification
    target: Target
    event: Event
    bot_uuid: str
    heartbeat_uuid: str
    summary_uuid: str | None
    bot_name: str
    label: str | None
    timezone: str


_SOURCE = (
    NOTIFICATION.join(TARGET, TARGET.c.id == NOTIFICATION.c.target_id)
    .join(EVENT, EVENT.c.id == NOTIFICATION.c.event_id)
    .join(BOT, BOT.c.id == EVENT.c.bot_id)
    .join(HEARTBEAT, HEARTBEAT.c.id == EVENT.c.heartbeat_id)
)
_SUMMARY = NOTIFICATION.alias()
LISTED = select(
    NOTIFICATION,
    TARGET,
    EVENT,
    BOT.c.uuid,
    HEARTBEAT.c.uuid,
    select(_SUMMARY.c.uuid).where(_SUMMARY.c.id == NOTIFICATION.c.summary_id).scalar_subquery(),
    BOT.c.name,
    HEARTBEAT.c.label,
    HEARTBEAT.c.timezone,
).select_from(_SOURCE)
OF_RUN = LISTED.where(
    NOTIFICATION.c.event_id.in_(select(EVENT.c.id).where(EVENT.c.run_id == bindparam("run")).correlate(None))
).order_by(NOTIFICATION.c.id)


def notifications(
    connection: Connection, access: Access, equal: Mapping[str, Any], page: Page
) -> tuple[list[ListedNotification], int]:
    """Read one page of the notifications of a project or of the bot that is named, newest first, and their number.

    `equal` may hold the `status`, the event's `kind` and the public id of the `target` to have.
    """
    wanted: dict[str, Any] = {"project": access.project.id, **equal}
    if bot := access.named_bot:
        wanted["bot"] = bot.id
    if target := equal.get("target"):
        wanted["target"] = as_public_id(target)
    total, start, ids = _found(connection, wanted, page.offset)
    bounds = {**vars(start), "limit": page.size}
    rows = all_joined(connection, (Notification, Target, Event), _page(ids), {**wanted, **bounds})
    return [ListedNotification(*row) for row in rows], total


def notifications_of_run(connection: Connection, run_id: int, limit: int) -> list[ListedNotification]:
    """List the notifications that a run led to, in order."""
    rows = all_joined(connection, (Notification, Target, Event), OF_RUN.limit(limit), {"run": run_id})
    return [ListedNotification(*row) for row in rows]


def fill_kinds(connection: Connection) -> int:
    """Give messages that a worker of the version before wrote the kinds of their events; returns how many."""
    lacking = select(NOTIFICATION.c.id).where(NOTIFICATION.c.kind.is_(None)).order_by(NOTIFICATION.c.id)
    ids = list(connection.execute(lacking.limit(FILLED_AT_ONCE).with_for_update(skip_locked=True)).scalars())
    if not ids:
        return 0
    kind = select(EVENT.c.kind).where(EVENT.c.id == NOTIFICATION.c.event_id).scalar_subquery()
    return connection.execute(update(NOTIFICATION).where(NOTIFICATION.c.id.in_(ids)).values(kind=kind)).rowcount


def _found(connection: Connection, wanted: Parameters, offset: int) -> tuple[int, ListPlace, Select[Any]]:
    """How many messages there are, where the page begins, and the ids that it is a page of."""
    # Before anything is counted: whoever removes some meanwhile changes it.
    removed = connection.execute(REMOVED_BY_NOW, wanted).scalar() or 0
    by_event = "kind" in wanted and connection.execute(_LACKING, wanted).scalar_one()
    ids, status = _ids(frozenset(wanted), by_event), wanted.get("status")
    if by_event or status not in (None, *FINAL):
        return _counted(connection, ids, wanted), ListPlace(offset), ids
    settled = _final if status else _committed
    total, start = counted(connection, MarkedList(ids, wanted, settled, removed), offset)
    return total, start, ids


@cache
def _ids(names: frozenset[str], by_event: bool) -> Select[Any]:
    """The ids of the messages that are wanted; where the project is implied, no index has it beside the rest."""
    conditions = {**_CONDITIONS, **({"kind": _OF_EVENTS} if by_event else {})}
    implied = {"project"} if names & {"bot", "target"} else set()
    return select(NOTIFICATION.c.id).where(*(conditions[name] for name in sorted(names - implied)))


@cache
def _page(ids: Select[Any]) -> Select[Any]:
    """Found first, from an index alone, and then what is around each: there may be very many."""
    found = ids.where(NOTIFICATION.c.id <= bindparam("newest", type_=BigInteger())).order_by(NOTIFICATION.c.id.desc())
    found = found.limit(bindparam("limit", type_=Integer())).offset(bindparam("offset", type_=BigInteger()))
    return LISTED.where(NOTIFICATION.c.id.in_(found.correlate(None))).order_by(NOTIFICATION.c.id.desc())


def _counted(connection: Connection, ids: Select[Any], wanted: Parameters) -> int:
    total: int = connection.execute(_count(ids), wanted).scalar_one()
    return total


@cache
def _count(ids: Select[Any]) -> Select[Any]:
    return select(func.count()).select_from(ids.subquery())


def _committed(connection: Connection, wanted: Parameters) -> int:
    return committed(connection, NOTIFICATION, _OF_PROJECT, wanted)


def _final(connection: Connection, wanted: Parameters) -> int:
    """The id before which each message has the status that it keeps."""
    return min(_committed(connection, wanted), connection.execute(FIRST_ON_ITS_WAY, wanted).scalar() or NEWEST)
