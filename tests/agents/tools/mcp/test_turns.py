"""Calls that write wait for each other at a server, within a run; all others are made side by side."""

import asyncio
import threading
from collections.abc import Awaitable
from contextlib import aclosing
from typing import Any

from heartbeat.agents.tools.definitions import McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.mcp.turns import Turns
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support.patience import PATIENCE
from tests.support.raw_tool_server import RawToolServer, Received


def described(name: str, **hints: bool) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, "annotations": hints}


class Memory(RawToolServer):
    """`add` reads what is kept, is answered by another thread in between, and writes; `meet` waits for a second one."""

    def __init__(self) -> None:
        tools = [described("add", readOnlyHint=False), described("meet"), described("read", readOnlyHint=True)]
        super().__init__(pages=[{"tools": tools}], call=self._call)
        self.entries = 0
        self._meeting = threading.Barrier(2)

    def _call(self, received: Received) -> dict[str, Any]:
        if received.params["name"] == "add":
            entries = self.entries
            threading.Event().wait(0.02)
            self.entries = entries + 1
        elif received.params["name"] == "meet":
            self._meeting.wait(PATIENCE)
        return {"content": "done"}


async def test_what_writes_is_called_one_after_the_other_and_nothing_is_lost(settings: Settings) -> None:
    with Memory() as desk:
        server = McpServer("tool_1", "memory", "http", desk.url)
        entries = pinned_entries((await list_tools(server, settings)).tools.values(), [])
        tools = {tool.on_server: tool for tool in define_tools([ConnectedServer(server, entries)]) if tool.server}
        async with aclosing(Sessions(settings)) as sessions:

            def call(name: str, number: int) -> Awaitable[ToolResult]:
                return sessions.call(tools[name], {}, "log_1", f"log_1:{number}")

            names = ["add", "meet", "add", "add", "meet", "read"]
            results = await asyncio.gather(*(call(name, number) for number, name in enumerate(names)))
        assert {result.outcome for result in results} == {"ok"}
        assert desk.entries == 3


async def test_nobody_waits_for_ever_nor_for_another_run_or_server() -> None:
    turns = Turns(wait_seconds=0.05)

    def writing(server_uuid: str) -> OfferedTool:
        return OfferedTool("a", "", {}, server=McpServer(server_uuid, "a", "http"), is_write=True)

    async with (
        turns.turn("log_1", writing("tool_1")),
        turns.turn("log_1", writing("tool_2")),
        turns.turn("log_2", writing("tool_1")),
        turns.turn("log_1", writing("tool_1")),
    ):
        pass
    async with asyncio.timeout(PATIENCE), turns.turn("log_1", writing("tool_1")):
        pass
