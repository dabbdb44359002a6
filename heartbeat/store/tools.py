"""Tools: registered MCP servers of a bot. They are kept and listed; nothing speaks to them yet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from heartbeat.errors import NotFound
from heartbeat.ids import new_id
from heartbeat.store.access import as_public_id
from heartbeat.store.database import columns, many, one
from heartbeat.store.pages import Page
from heartbeat.store.tables import Bot, Tool

TOOL = columns(Tool)


def tool(connection: Connection, bot: Bot, uuid: str) -> Tool:
    """The bot's tool with this public id, locked if the transaction writes; raises `NotFound`."""
    mine = (TOOL.c.uuid == as_public_id(uuid)) & (TOOL.c.bot_id == bot.id)
    found = one(connection, Tool, select(TOOL).where(mine))
    if found is None:
        raise NotFound("tool", uuid[:64])
    return found


def tools(connection: Connection, bot: Bot, equal: Mapping[str, Any], page: Page) -> tuple[list[Tool], int]:
    """One page of a bot's tools, oldest first, and how many there are; `equal` are columns and the values to have."""
    wanted = [TOOL.c.bot_id == bot.id, *(TOOL.c[name] == value for name, value in equal.items())]
    total = connection.execute(select(func.count()).select_from(TOOL).where(*wanted)).scalar_one()
    in_order = select(TOOL).where(*wanted).order_by(TOOL.c.id).limit(page.size).offset(page.offset)
    return many(connection, Tool, in_order), total


def create_tool(connection: Connection, bot: Bot, fields: Mapping[str, Any], now: datetime) -> Tool:
    """Register an MCP server; `fields` are columns by name."""
    fresh = Tool.model_construct(
        **{"tools": [], **fields, "uuid": new_id("tool"), "bot_id": bot.id, "created_at": now, "updated_at": now}
    )
    made = one(connection, Tool, TOOL.insert().values(**fresh.model_dump(exclude={"id"})).returning(TOOL))
    assert made is not None
    return made


def update_tool(connection: Connection, bot: Bot, uuid: str, fields: Mapping[str, Any], now: datetime) -> Tool:
    """Write the columns in `fields`; raises `NotFound`."""
    found = tool(connection, bot, uuid)
    written = update(TOOL).where(TOOL.c.id == found.id).values(**fields, updated_at=now).returning(TOOL)
    changed = one(connection, Tool, written)
    if changed is None:
        raise NotFound("tool", uuid[:64])
    return changed


def switch_tools(connection: Connection, bot: Bot, uuid: str, active: Mapping[str, bool], now: datetime) -> Tool:
    """Switch some of a server's tools on or off by name; raises `NotFound` for a name the server has not."""
    found = tool(connection, bot, uuid)
    known = {entry["name"] for entry in found.tools}
    for name in active:
        if name not in known:
            raise NotFound("tool", name[:64])
    switched = [
        {**entry, "is_active": active.get(entry["name"], entry.get("is_active", True))} for entry in found.tools
    ]
    return update_tool(connection, bot, uuid, {"tools": switched}, now)


def delete_tool(connection: Connection, bot: Bot, uuid: str) -> None:
    """Forget a registration; raises `NotFound`."""
    connection.execute(delete(TOOL).where(TOOL.c.id == tool(connection, bot, uuid).id))
