"""The rows of a bot's tool servers made into what its agents know of them."""

import logging
from typing import Literal, cast

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.offered_tools import ConnectedServer
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tools.toolset import Toolset
from heartbeat.tool_servers.opening import open_server
from heartbeat.tool_servers.refreshing import Refresher

UNREADABLE = "The secrets of its server cannot be opened here; the operator's log says why."

log = logging.getLogger(__name__)


def connected_servers(keyring: Keyring, tools: Toolset, refresher: Refresher | None) -> list[ConnectedServer]:
    """Open the servers of a bot, each with the tools that are pinned, in the order of the rows."""
    return [
        ConnectedServer(
            _server(keyring, row, tools, refresher), row.tools, row.require_approval, row.approval_tools, row.risks
        )
        for row in tools.servers
    ]


def _server(keyring: Keyring, row: Tool, tools: Toolset, refresher: Refresher | None) -> McpServer:
    """Secrets that do not open keep their own server from being called, and nothing else of the run."""
    try:
        return open_server(keyring, row, tools.connections.get(row.id), refresher)
    except CannotOpen as problem:
        log.error("%s", problem)
        transport = cast(Literal["http", "sse"], row.transport)
        return McpServer(row.uuid, row.server_label, transport, row.server_url, unusable=UNREADABLE)
