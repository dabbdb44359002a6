"""What rows that were selected in a list are called, by their public ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, func, select

from heartbeat.store.bots.bots import BOT, TOOL
from heartbeat.store.heartbeats.heartbeats import HEARTBEAT, IS_HEARTBEAT, NOT_DELETED
from heartbeat.store.heartbeats.tasks import TASKS
from heartbeat.store.memory.search import MEMORY
from heartbeat.store.notifications.targets import TARGET
from heartbeat.store.overview.projects import PROMPT_START, START
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.projects.members import SUBSCRIBER
from heartbeat.store.projects.projects import KEY

Titles = Callable[[Connection, Access, Sequence[str]], dict[str, str]]

_PROJECT: BindParameter[int] = bindparam("project_id")
_LABEL = func.coalesce(HEARTBEAT.c.label, START)
_BOTS = select(BOT.c.id).where(BOT.c.project_id == _PROJECT, BOT.c.deleted_at.is_(None))


def _named(table: Any, title: Any, *which: ColumnElement[bool]) -> Titles:
    """Read what those of these rows are called for which `which` holds."""

    def titles(connection: Connection, access: Access, uuids: Sequence[str]) -> dict[str, str]:
        named = table.c.uuid.in_([as_public_id(uuid) for uuid in uuids])
        statement = select(table.c.uuid, title.label("title")).where(named, *which).order_by(table.c.id)
        return {row.uuid: row.title for row in connection.execute(statement, {"project_id": access.project.id})}

    return titles


TITLES: Mapping[str, Titles] = {
    "heartbeats": _named(HEARTBEAT, _LABEL, HEARTBEAT.c.bot_id.in_(_BOTS), IS_HEARTBEAT),
    "tasks": _named(HEARTBEAT, _LABEL, HEARTBEAT.c.bot_id.in_(_BOTS), TASKS, NOT_DELETED),
    "bots": _named(BOT, BOT.c.name, BOT.c.id.in_(_BOTS)),
    "tools": _named(TOOL, TOOL.c.server_label, TOOL.c.bot_id.in_(_BOTS)),
    "subscribers": _named(
        SUBSCRIBER,
        func.coalesce(SUBSCRIBER.c.name, SUBSCRIBER.c.email, SUBSCRIBER.c.uuid),
        SUBSCRIBER.c.bot_id.in_(_BOTS),
        SUBSCRIBER.c.deleted_at.is_(None),
    ),
    "memories": _named(MEMORY, func.substr(MEMORY.c.text, 1, PROMPT_START), MEMORY.c.bot_id.in_(_BOTS)),
    "keys": _named(KEY, KEY.c.name, KEY.c.project_id == _PROJECT),
    "targets": _named(TARGET, TARGET.c.name, TARGET.c.project_id == _PROJECT, TARGET.c.deleted_at.is_(None)),
}
