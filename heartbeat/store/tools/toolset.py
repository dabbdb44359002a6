"""What a run may call: its bot's enabled tool servers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, not_, or_, select

from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import all_joined, columns
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.notifications import Target
from heartbeat.store.tables.tool_connections import ToolConnection

BOT, TOOL, TARGET, CONNECTION = columns(Bot), columns(Tool), columns(Target), columns(ToolConnection)

# Somebody would get what an agent of this bot writes.
HAS_TARGETS = exists().where(
    TARGET.c.project_id == BOT.c.project_id, TARGET.c.is_enabled, TARGET.c.deleted_at.is_(None)
)

OWN_CONNECTION = and_(
    CONNECTION.c.tool_id == TOOL.c.id,
    or_(
        and_(not_(TOOL.c.per_member), CONNECTION.c.member_id.is_(None)),
        and_(TOOL.c.per_member, CONNECTION.c.member_id == bindparam("member")),
    ),
)

# Built once: putting such a statement together costs more than running it.
TOOLS_OF_BOT = Prepared(
    select(TOOL, CONNECTION, BOT.c.uuid, BOT.c.attributes, HAS_TARGETS)
    .select_from(BOT)
    .outerjoin(TOOL, and_(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled))
    .outerjoin(CONNECTION, OWN_CONNECTION)
    .where(BOT.c.id == bindparam("bot"))
    .order_by(TOOL.c.id)
)


@dataclass(frozen=True)
class Toolset:
    """The servers that are connected to a bot, oldest first, and the names of the built-in tools it has.

    `connections` are those of servers that are signed in to, by the tool's number: the bot's own, or its member's.
    """

    bot_uuid: str
    servers: list[Tool]
    built_in: tuple[str, ...]
    connections: dict[int, ToolConnection] = field(default_factory=dict)


def toolset(connection: Connection, bot_id: int, member_id: int | None = None) -> Toolset:
    """Read what a run of a bot, and of that member of its, may call. In one statement: it is read before every step."""
    rows = all_joined(connection, (Tool, ToolConnection), TOOLS_OF_BOT, {"bot": bot_id, "member": member_id})
    _, _, uuid, attributes, has_targets = rows[0]
    connections = {row[1].tool_id: row[1] for row in rows if row[1].id}
    return Toolset(uuid, [row[0] for row in rows if row[0].id], built_in(attributes, has_targets), connections)


def built_in(attributes: Mapping[str, Any], has_targets: bool) -> tuple[str, ...]:
    """Name the built-in tools a bot has use for. Each one offered is read, and paid for, at every step."""
    memory = ("remember", "recall", "forget") if attributes.get("memory") else ()
    tasks = ("schedule_task",) if attributes.get("tasks") else ()
    return ("web_fetch", "report", *memory, *(("notify_user",) if has_targets else ()), *tasks)
