"""A bot with a tool server connected, and what its runs did there."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tools.servers import create_tool, pin
from tests.support.raw_tool_server import RawToolServer
from tests.support.seeds import access_to
from tests.support.tool_server import ToolServer
from tests.support.workshop import Workshop
from tests.support.world import World


@pytest.fixture
def desk() -> Iterator[ToolServer]:
    with contextlib.closing(ToolServer()) as server:
        yield server


@pytest.fixture
async def agent(working: World, desk: ToolServer) -> World:
    """A world whose bot has the desk connected."""
    await connect(working, desk)
    return working


async def connect(world: World, desk: ToolServer | RawToolServer | Workshop, **fields: Any) -> Tool:
    now = datetime.now(UTC)
    columns = {"server_label": "desk", "server_url": desk.url, "transport": "http", **fields}
    listing = await list_tools(McpServer("tool_1", "desk", "http", desk.url), world.settings)

    def work(connection: Any) -> Tool:
        tool = create_tool(connection, access_to(connection, world.bot), columns, now)
        pin(connection, tool.id, list(listing.tools.values()), now)
        return tool

    return await world.database.write(work)


async def transcript(world: World, run: Run) -> list[Step]:
    return await world.database.read(lambda c: steps(c, run.id))


async def change(world: World, table: type, **values: object) -> None:
    await world.database.write(lambda c: c.execute(update(columns(table)).values(**values)))


def told(request: dict[str, Any]) -> list[tuple[str, str]]:
    """The tool results in a request: which call, and what the model reads."""
    return [(m["tool_call_id"], m["content"]) for m in request["messages"] if m["role"] == "tool"]


def book(what: str) -> tuple[str, dict[str, Any]]:
    return "desk__book", {"what": what}
