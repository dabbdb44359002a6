"""The operator's own tool servers: processes that a worker starts, named in its settings and nowhere else."""

import json
import logging
import time
from collections.abc import Iterable
from typing import Any

from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer
from heartbeat.domain.stdio_tools import StdioTool
from heartbeat.settings import Settings

RETRY_SECONDS = 60.0
logger = logging.getLogger(__name__)

Entries = list[dict[str, Any]]
# What a server offers is asked once a process; of one that does not start, once a minute.
_listed: dict[tuple[str, ...], Entries] = {}
_failed: dict[tuple[str, ...], float] = {}


def servers(bot_uuid: str, settings: Settings) -> list[McpServer]:
    """Return those that the bot may use, in the order of their labels."""
    allowed = {label: tool for label, tool in settings.stdio_tools.items() if not tool.bots or bot_uuid in tool.bots}
    return [_server(label, tool) for label, tool in sorted(allowed.items())]


async def entries(server: McpServer, settings: Settings) -> Entries:
    """List what `server` offers, as `Tool.tools` has it; nothing while it cannot be started, and the log says why."""
    key = (server.label, *server.command)
    if key not in _listed and time.monotonic() >= _failed.get(key, 0):
        from heartbeat.agents.tools.mcp.client import ToolServerDown, list_tools

        try:
            listing = await list_tools(server, settings)
        except ToolServerDown as problem:
            logger.warning("%s Its tools are left out for a minute.", problem)
            _failed[key] = time.monotonic() + RETRY_SECONDS
        else:
            if listing.warning:
                logger.warning("The tool server %s: %s", server.label, listing.warning)
            _listed[key] = entries_of(listing.tools.values())
    return _listed.get(key, [])


def entries_of(tools: Iterable[DiscoveredTool]) -> Entries:
    """Tools as `Tool.tools` has them."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.schema,
            "annotations": tool.annotations,
            **({"reads": tool.reads} if tool.reads else {}),
        }
        for tool in tools
    ]


def definitions_size() -> int:
    """Count the characters of the definitions that this process has listed so far."""
    return sum(len(json.dumps(entries)) for entries in _listed.values())


def _server(label: str, tool: StdioTool) -> McpServer:
    env = {name: value.get_secret_value() for name, value in tool.env.items()}
    command = (tool.command, *tool.args)
    return McpServer(f"stdio:{label}", label, "stdio", command=command, env=env, elicitation=tool.elicitation)
