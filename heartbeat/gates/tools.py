"""The tool of a gate: called in a session of its own, as a run calls it, and only if its server says that it reads."""

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools, offer_tools
from heartbeat.domain.gates import Answer
from heartbeat.gates.values import Unusable, text_value
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.tools.toolset import Toolset
from heartbeat.tool_servers.connected import connected_servers
from heartbeat.tool_servers.refreshing import Refresher

# What the sessions of runs are told apart by; a gate's has no other beside it.
SESSION = "gate"
GOODBYE_SECONDS = 2.0


async def tool_answer(
    gate: Mapping[str, Any], tools: Toolset, settings: Settings, keyring: Keyring, refresher: Refresher | None
) -> Answer:
    """Call the tool of a gate; whatever goes wrong is a failure in words."""
    servers = connected_servers(keyring, tools, refresher)
    name = gate["tool"]
    tool = _named(name, define_tools(servers)) or _named(name, await _all(tools.bot_uuid, servers, settings))
    if tool is None:
        return Answer(failure=f"There is no tool {name} here, or it may not be used any more.")
    if refusal := _refusal(tool):
        return Answer(failure=refusal)
    return await _call(tool, gate, settings)


def _named(name: str, tools: Sequence[OfferedTool]) -> OfferedTool | None:
    return next((tool for tool in tools if tool.name == name), None)


async def _all(bot_uuid: str, servers: Sequence[ConnectedServer], settings: Settings) -> Sequence[OfferedTool]:
    """List those of the operator's own servers, too, for which these have to be started."""
    return await offer_tools(bot_uuid, servers, settings)


def _refusal(tool: OfferedTool) -> str | None:
    """Why a gate may not call it."""
    if tool.server is None:
        return f"{tool.name} is built in; a gate calls a tool of a connected server."
    if tool.server.unusable:
        return f"{tool.name} was not called. {tool.server.unusable}"
    if tool.acts:
        return f"{tool.name} is not declared as one that only reads (readOnlyHint), so a gate does not call it."
    if tool.needs_approval:
        return f"Each call of {tool.name} needs a person's approval, so a gate does not call it."
    return None


async def _call(tool: OfferedTool, gate: Mapping[str, Any], settings: Settings) -> Answer:
    # In a thread: loading the SDK for the first time takes half a second, in which others want their answers.
    await asyncio.to_thread(import_module, "heartbeat.agents.tools.mcp.sessions")
    from heartbeat.agents.tools.mcp.sessions import Sessions

    sessions = Sessions(settings)
    try:
        result = await sessions.call(tool, dict(gate["arguments"] or {}), SESSION, SESSION)
    finally:
        await sessions.aclose(GOODBYE_SECONDS)
    if result.outcome != "ok":
        return Answer(failure=result.text)
    try:
        return Answer(await asyncio.to_thread(text_value, result.text, gate["select"]))
    except Unusable as problem:
        return Answer(failure=f"{tool.name} answered. {problem}")
