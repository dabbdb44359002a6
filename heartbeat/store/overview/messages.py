"""The messages of a project as its page lists them: read in pages by key, newest first, and never counted."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from heartbeat.store.database.rows import all_joined
from heartbeat.store.notifications.targets import BOT, EVENT, LISTED, NOTIFICATION, ListedNotification
from heartbeat.store.overview.newest import LIMIT, of_each_bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import BIG

# Those of bots that were deleted, too.
_BOTS = select(BOT.c.id).where(BOT.c.project_id == bindparam("project"))
_OLDER: Select[Any] = (
    select(NOTIFICATION.c.id)
    .where(NOTIFICATION.c.id < bindparam("before", type_=BIG))
    .order_by(NOTIFICATION.c.id.desc())
    .limit(LIMIT)
)


def _of_bot(bot_id: ColumnElement[int]) -> Select[Any]:
    return _OLDER.where(NOTIFICATION.c.bot_id == bot_id)


def _shown(ids: Select[Any]) -> Select[Any]:
    return LISTED.where(NOTIFICATION.c.id.in_(ids.correlate(None))).order_by(NOTIFICATION.c.id.desc())


def _of_project(each: Select[Any]) -> Select[Any]:
    found = each.subquery()
    return _shown(select(found.c.id).order_by(found.c.id.desc()).limit(LIMIT))


OF_PROJECT = {
    dialect: _of_project(each) for dialect, each in of_each_bot(_BOTS, NOTIFICATION, ("id",), _of_bot).items()
}
_EVENTS = select(EVENT.c.id).where(EVENT.c.heartbeat_id == bindparam("heartbeat"))
OF_HEARTBEAT = _shown(_OLDER.where(NOTIFICATION.c.event_id.in_(_EVENTS)))


@dataclass(frozen=True)
class MessagePage:
    """Messages, newest first. `older` is the key under which the next page begins, if there is one."""

    messages: list[ListedNotification]
    older: int | None


def message_page(
    connection: Connection, project: Project, heartbeat: Heartbeat | None, before: int, size: int
) -> MessagePage:
    """Read `size` messages of the project, or of one heartbeat, whose keys are below `before`."""
    values: dict[str, Any] = {"before": before, "limit": size + 1, "project": project.id}
    statement = OF_PROJECT[connection.dialect.name]
    if heartbeat:
        values["heartbeat"], statement = heartbeat.id, OF_HEARTBEAT
    rows = all_joined(connection, (Notification, Target, Event), statement, values)
    messages = [ListedNotification(*row) for row in rows]
    return MessagePage(messages[:size], messages[size - 1].notification.id if len(messages) > size else None)
