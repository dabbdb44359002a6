"""The ways to speak to a tool server."""

import sys
from dataclasses import dataclass, field, replace
from typing import Any

from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.client import call, list_tools
from heartbeat.settings import Settings

KEY = "log_1:4"


STDIO = (sys.executable, "-m", "tests.support.tool_server", "stdio")


@dataclass
class Speaking:
    """One way to speak to a tool server, and what was pinned when it was connected."""

    server: McpServer
    settings: Settings
    pinned: dict[str, DiscoveredTool] = field(default_factory=dict)

    async def connect(self) -> None:
        self.pinned = {found.name: found for found in await list_tools(self.server, self.settings)}

    def definition(self, tool: str) -> OfferedTool:
        pin = self.pinned.get(tool)
        return OfferedTool(f"shop__{tool}", "", {}, server=self.server, on_server=tool, hash=pin.hash if pin else "")

    async def call(self, tool: str, **arguments: Any) -> ToolResult:
        return await call(self.definition(tool), arguments, key=KEY, settings=self.settings)

    def within(self, seconds: int) -> "Speaking":
        """The same with another time-out."""
        return replace(self, settings=self.settings.model_copy(update={"tool_timeout_seconds": seconds}))
