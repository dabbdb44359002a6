"""The tools of a run: rows of the store as agents know them, with the secrets opened here and nowhere else."""

import logging
from typing import TYPE_CHECKING, Any, Literal, cast

from heartbeat.agents.model_names import takes_tools
from heartbeat.agents.tools.definitions import McpServer, OfferedTool, ToolResult
from heartbeat.domain.tool_limits import max_tools
from heartbeat.secrets.keyring import CannotOpen, Keyring, open_headers, open_url
from heartbeat.settings import Settings
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.runs import Run
from heartbeat.store.tools.toolset import Toolset

if TYPE_CHECKING:
    from heartbeat.agents.tools.mcp.sessions import Sessions
    from heartbeat.agents.tools.offered_tools import ConnectedServer

# A worker that is stopped has little time. What has heard no goodbye sees its connection or its pipe closed.
GOODBYE_SECONDS = 0.3

log = logging.getLogger(__name__)


class Toolbox:
    """Built-in tools, the operator's own, and the servers that a bot's owner connected."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keyring = Keyring.from_settings(settings)
        self._unreadable: set[str] = set()
        self._sessions: Sessions | None = None

    async def offered(self, run: Run, tools: Toolset) -> list[OfferedTool]:
        """What the model of a run may ask for, in the same order every time; nothing if it is only asked."""
        from heartbeat.agents.tools.offered_tools import offer_tools, within_limit

        if not takes_tools(run.chat_mode, run.model):
            return []
        servers = [self._connected(row) for row in tools.servers]
        known = await offer_tools(tools.bot_uuid, servers, self._settings)
        usable = [tool for tool in known if tool.server is not None or tool.name in tools.built_in]
        return list(within_limit(usable, max_tools(run.model)))

    async def call(self, definition: OfferedTool, arguments: dict[str, Any], run_uuid: str, key: str) -> ToolResult:
        """Make one call of a run. `key` is the same for every attempt at it."""
        if definition.server is None:
            from heartbeat.agents.tools.built_in.tools import call_built_in

            return await call_built_in(definition.name, arguments, self._settings)
        if definition.server.uuid in self._unreadable:
            reason = "The secrets of its server cannot be opened here; the operator's log says why."
            return ToolResult("failed", f"{definition.name} was not called. {reason}")
        if self._sessions is None:
            from heartbeat.agents.tools.mcp.sessions import Sessions

            self._sessions = Sessions(self._settings)
        return await self._sessions.call(definition, arguments, run_uuid, key)

    def close_run(self, run_uuid: str) -> None:
        """Leave the sessions that a run, which is over, has with tool servers."""
        if self._sessions is not None:
            self._sessions.close_run(run_uuid)

    async def close(self) -> None:
        """Leave every session with a tool server."""
        if self._sessions is not None:
            await self._sessions.aclose(GOODBYE_SECONDS)

    def _connected(self, row: Tool) -> "ConnectedServer":
        from heartbeat.agents.tools.offered_tools import ConnectedServer

        transport = cast(Literal["http", "sse"], row.transport)
        server = McpServer(row.uuid, row.server_label, transport, *self._url_and_headers(row))
        return ConnectedServer(server, row.tools, row.require_approval, row.approval_tools, row.risks)

    def _url_and_headers(self, row: Tool) -> tuple[str, dict[str, str]]:
        """Secrets that do not open keep their own server from being called, and nothing else of the run."""
        try:
            url = open_url(self._keyring, row.uuid, row.sealed_url, row.server_url)
            headers = open_headers(self._keyring, row.uuid, row.sealed_headers)
        except CannotOpen as problem:
            log.error("%s", problem)
            self._unreadable.add(row.uuid)
            return row.server_url, {}
        self._unreadable.discard(row.uuid)
        return url, headers
