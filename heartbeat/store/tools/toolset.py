"""What a run may call: its bot's enabled tool servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, select

from heartbeat.store.rows import all_joined, columns
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.notifications import Target

BOT, TOOL, TARGET = columns(Bot), columns(Tool), columns(Target)

# Somebody would get what an agent of this bot writes.
HAS_TARGETS = exists().where(
    TARGET.c.project_id == BOT.c.project_id, TARGET.c.is_enabled, TARGET.c.deleted_at.is_(None)
)

# Built once: putting such a statement together costs more than running it.
TOOLS_OF_BOT = (
    select(TOOL, BOT.c.uuid, BOT.c.attributes, HAS_TARGETS)
    .select_from(BOT)
    .outerjoin(TOOL, and_(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled))
    .where(BOT.c.id == bindparam("bot"))
    .order_by(TOOL.c.id)
)


@dataclass(frozen=True)
class Toolset:
    """The servers that are connected to a bot, oldest first, and the names of the built-in tools it has."""

    bot_uuid: str
    servers: list[Tool]
    built_in: tuple[str, ...]


def toolset(connection: Connection, bot_id: int) -> Toolset:
    """Read what a bot may call, in one statement: it is read before every step."""
    rows = all_joined(connection, (Tool,), TOOLS_OF_BOT, {"bot": bot_id})
    _, uuid, attributes, has_targets = rows[0]
    return Toolset(uuid, [row[0] for row in rows if row[0].id], built_in(attributes, has_targets))


def built_in(attributes: Mapping[str, Any], has_targets: bool) -> tuple[str, ...]:
    """Name the built-in tools a bot has use for. Each one offered is read, and paid for, at every step."""
    memory = ("remember", "recall", "forget") if attributes.get("memory") else ()
    tasks = ("schedule_task",) if attributes.get("tasks") else ()
    return ("web_fetch", "report", *memory, *(("notify_user",) if has_targets else ()), *tasks)
