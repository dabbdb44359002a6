"""The ways to speak to a tool server."""

import sys
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support import pipe_servers

KEY = "log_1:4"


ALONE = (sys.executable, "-m", "tests.support.tool_server", "stdio")


def over_pipes() -> tuple[str, ...]:
    """The command of a tool server over pipes; that of `ALONE` is the same in a process of its own."""
    return pipe_servers.command("tests.support.tool_server", "stdio")


@dataclass
class Speaking:
    """One way to speak to a tool server, and what was pinned when it was connected."""

    server: McpServer
    settings: Settings
    pinned: dict[str, DiscoveredTool] = field(default_factory=dict)

    async def connect(self) -> None:
        self.pinned = (await list_tools(self.server, self.settings)).tools

    def definition(self, tool: str) -> OfferedTool:
        entries = pinned_entries([self.pinned[tool]] if tool in self.pinned else [], [])
        pinned = entries[0] if entries else None
        return OfferedTool(f"shop__{tool}", "", {}, server=self.server, on_server=tool, pinned=pinned)

    async def call(self, tool: str, **arguments: Any) -> ToolResult:
        """Call a tool in a session of its own."""
        async with aclosing(Sessions(self.settings)) as sessions:
            result = await sessions.call(self.definition(tool), arguments, "log_1", KEY)
        return replace(result, new_session=False)

    def within(self, seconds: int) -> "Speaking":
        """The same with another time-out."""
        return replace(self, settings=self.settings.model_copy(update={"tool_timeout_seconds": seconds}))
