"""The tools of a run: rows of the store as agents know them, with the secrets opened here and nowhere else."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from heartbeat.agents.model_names import takes_tools
from heartbeat.agents.tools.definitions import Answers, OfferedTool, ToolResult
from heartbeat.domain.tool_limits import most_tools
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.runs.tool_changes import ToolChange
from heartbeat.store.tables.runs import Run
from heartbeat.store.tools.toolset import Toolset
from heartbeat.tool_servers.refreshing import Refresher

if TYPE_CHECKING:
    from heartbeat.agents.tools.mcp.listing import Listing
    from heartbeat.agents.tools.mcp.sessions import Sessions

# A worker that is stopped has little time. What has heard no goodbye sees its connection or its pipe closed.
GOODBYE_SECONDS = 0.3
# Where a run has words of others from that was opened with what its gate saw.
GATE = "what its gate saw"
BRINGS_TEXT = ("first", "changed", "failed")


class Toolbox:
    """Built-in tools, the operator's own, and the servers that a bot's owner connected."""

    def __init__(self, settings: Settings, refresher: Refresher) -> None:
        self._settings = settings
        self._refresher = refresher
        self._keyring = Keyring.from_settings(settings)
        self._sessions: Sessions | None = None

    async def offered(self, run: Run, tools: Toolset, models: Sequence[str]) -> list[OfferedTool]:
        """What any of these models of a run may ask for, in the same order every time; nothing if it is only asked."""
        from heartbeat.agents.tools.offered_tools import offer_tools, within_limit
        from heartbeat.tool_servers.connected import connected_servers

        if not any(takes_tools(run.chat_mode, model) for model in models):
            return []
        servers = connected_servers(self._keyring, tools, self._refresher)
        changed = await self._changed_listings(run.uuid)
        has_read = GATE if run.gate is not None and run.gate["outcome"] in BRINGS_TEXT else None
        known = await offer_tools(tools.bot_uuid, servers, self._settings, changed, has_read)
        usable = [tool for tool in known if tool.server is not None or tool.name in tools.built_in]
        return list(within_limit(usable, most_tools(models)))

    async def changed(self, run_uuid: str, offered: Sequence[OfferedTool]) -> list[ToolChange]:
        """Find those of the offered tools that are no longer what was pinned, where a server said that they changed."""
        listings = await self._changed_listings(run_uuid)
        if not listings:
            return []
        from heartbeat.agents.tools.mcp.client import change_of

        return [
            ToolChange(tool.server.uuid, tool.on_server, tool.name, change.discovered)
            for tool in offered
            if tool.server and tool.pinned and tool.server.uuid in listings
            if (change := change_of(tool, listings[tool.server.uuid]))
        ]

    async def _changed_listings(self, run_uuid: str) -> "dict[str, Listing]":
        return await self._sessions.changed_listings(run_uuid) if self._sessions is not None else {}

    async def call(
        self,
        definition: OfferedTool,
        arguments: dict[str, Any],
        run_uuid: str,
        key: str,
        on_progress: Callable[[str], None],
        answers: Answers,
    ) -> ToolResult:
        """Make one call of a run. `key` is the same for every attempt at it; `on_progress` is told how far it is.

        `answers` are for what its server asks in the middle of it.
        """
        if definition.server is None:
            from heartbeat.agents.tools.built_in.tools import call_built_in

            return await call_built_in(definition.name, arguments, self._settings)
        if definition.server.unusable:
            return ToolResult("failed", f"{definition.name} was not called. {definition.server.unusable}")
        if self._sessions is None:
            from heartbeat.agents.tools.mcp.sessions import Sessions

            self._sessions = Sessions(self._settings)
        return await self._sessions.call(definition, arguments, run_uuid, key, on_progress, answers)

    def close_run(self, run_uuid: str) -> None:
        """Leave the sessions that a run, which is over, has with tool servers."""
        if self._sessions is not None:
            self._sessions.close_run(run_uuid)

    async def close(self) -> None:
        """Leave every session with a tool server."""
        if self._sessions is not None:
            await self._sessions.aclose(GOODBYE_SECONDS)
