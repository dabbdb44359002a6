"""What a run may call: its bot's enabled tool servers."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, select

from heartbeat.store.database import all_joined, columns
from heartbeat.store.tables import Bot, Tool

BOT, TOOL = columns(Bot), columns(Tool)

# Built once: putting such a statement together costs more than running it.
OF_BOT = (
    select(TOOL, BOT.c.uuid)
    .select_from(BOT)
    .outerjoin(TOOL, and_(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled))
    .where(BOT.c.id == bindparam("bot"))
    .order_by(TOOL.c.id)
)


@dataclass(frozen=True)
class Toolset:
    """The servers that are connected to a bot, oldest first."""

    bot_uuid: str
    servers: list[Tool]


def toolset(connection: Connection, bot_id: int) -> Toolset:
    """In one statement, for it is asked before every step."""
    rows = all_joined(connection, (Tool,), OF_BOT, {"bot": bot_id})
    return Toolset(rows[0][1], [tool for tool, _ in rows if tool.id])
