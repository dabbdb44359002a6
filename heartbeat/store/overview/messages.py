"""The messages of a project as its page lists them: read in pages by key, newest first, and never counted."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, bindparam, select

from heartbeat.store.database.rows import all_joined
from heartbeat.store.notifications.messages import EVENT, LISTED, NOTIFICATION, ListedNotification
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification, Target
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.types import BIG


def _newest(which: ColumnElement[bool]) -> Select[Any]:
    """Find them first, and then what is around each."""
    ids = select(NOTIFICATION.c.id).where(which, NOTIFICATION.c.id < bindparam("before", type_=BIG))
    ids = ids.order_by(NOTIFICATION.c.id.desc()).limit(bindparam("limit", type_=Integer()))
    return LISTED.where(NOTIFICATION.c.id.in_(ids.correlate(None))).order_by(NOTIFICATION.c.id.desc())


OF_PROJECT = _newest(NOTIFICATION.c.project_id == bindparam("project"))
_EVENTS = select(EVENT.c.id).where(EVENT.c.heartbeat_id == bindparam("heartbeat"))
OF_HEARTBEAT = _newest(NOTIFICATION.c.event_id.in_(_EVENTS))


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
    statement = OF_PROJECT
    if heartbeat:
        values["heartbeat"], statement = heartbeat.id, OF_HEARTBEAT
    rows = all_joined(connection, (Notification, Target, Event), statement, values)
    messages = [ListedNotification(*row) for row in rows]
    return MessagePage(messages[:size], messages[size - 1].notification.id if len(messages) > size else None)
