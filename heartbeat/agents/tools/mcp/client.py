"""What a tool server offers, and one call of a tool. Every failure ends in words, and none holds a secret."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcp.client.session import ClientSession
from mcp_types import (
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    PaginatedRequestParams,
    Tool,
)
from pydantic import TypeAdapter

from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.failures import explain, failed_call
from heartbeat.agents.tools.mcp.results import result_text
from heartbeat.agents.tools.mcp.session import SessionProgress, session
from heartbeat.settings import Settings

KEY = "heartbeat/idempotency-key"
MAX_PAGES = 50
ANSWER: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)
Result = TypeVar("Result")


class ToolServerDown(Exception):
    """A server's tools cannot be listed. The message says what happened, in words for the user."""


async def list_tools(server: McpServer, settings: Settings) -> list[DiscoveredTool]:
    """List what the server offers now, in its order; raises `ToolServerDown`."""
    progress = SessionProgress()
    try:
        return await _in_session(server, settings, progress, _discover)
    except Exception as problem:
        raise ToolServerDown(explain(server, problem, progress, settings.tool_timeout_seconds)) from None


async def call(tool: OfferedTool, arguments: dict[str, Any], *, key: str, settings: Settings) -> ToolResult:
    """Call a tool once, if it still is what was pinned; raises nothing but a cancellation.

    `key` goes along, the same for a repetition of this call, so that the server can tell one from a second call.
    """
    server = tool.server
    assert server is not None, f"{tool.name} is built in"
    progress = SessionProgress(key)

    async def make(mcp_session: ClientSession) -> ToolResult:
        changed = await _change(mcp_session, tool)
        if changed is not None:
            return changed
        progress.sent = True
        return _tool_result(await _request(mcp_session, tool.on_server, arguments, key), tool, server, settings)

    try:
        return await _in_session(server, settings, progress, make)
    except Exception as problem:
        return failed_call(tool, server, problem, progress, settings.tool_timeout_seconds)


async def _in_session(
    server: McpServer, settings: Settings, progress: SessionProgress, use: Callable[[ClientSession], Awaitable[Result]]
) -> Result:
    """Return what `use` makes of one session. What fails after that, while the session closes, does not undo it."""
    done: list[Result] = []
    try:
        async with asyncio.timeout(settings.tool_timeout_seconds), session(server, settings, progress) as mcp_session:
            done.append(await use(mcp_session))
    except Exception:
        if not done:
            raise
    return done[0]


async def _discover(mcp_session: ClientSession) -> list[DiscoveredTool]:
    discovered: dict[str, DiscoveredTool] = {}
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await mcp_session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            discovered.setdefault(tool.name, _discovered(tool))
        if (cursor := page.next_cursor) is None:
            break
    return list(discovered.values())


def _discovered(tool: Tool) -> DiscoveredTool:
    dumped = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True) if tool.annotations else {}
    return DiscoveredTool(tool.name, tool.description or "", tool.input_schema, dumped)


async def _change(mcp_session: ClientSession, tool: OfferedTool) -> ToolResult | None:
    if not tool.hash:
        return None
    now = next((other for other in await _discover(mcp_session) if other.name == tool.on_server), None)
    if now is not None and now.hash == tool.hash:
        return None
    happened = "has changed since it was connected" if now else "is no longer offered by its server"
    text = f"{tool.name} {happened}, so it was not called. It is paused until somebody refreshes it."
    return ToolResult("changed", text, discovered=now)


async def _request(
    mcp_session: ClientSession, name: str, arguments: dict[str, Any], key: str
) -> CallToolResult | InputRequiredResult:
    # Not `call_tool`: it holds an answer to the server's own schema, and drops one that was given but does not fit.
    parameters = CallToolRequestParams(name=name, arguments=arguments, _meta={KEY: key})
    return await mcp_session.send_request(CallToolRequest(params=parameters), ANSWER)


def _tool_result(
    answer: CallToolResult | InputRequiredResult, tool: OfferedTool, server: McpServer, settings: Settings
) -> ToolResult:
    if isinstance(answer, InputRequiredResult):
        return ToolResult("failed", f"{tool.name} asks a person for more, and nobody is here to answer it.")
    text = result_text(answer, server, settings.tool_result_bytes)
    return ToolResult("failed", f"{tool.name} failed: {text}") if answer.is_error else ToolResult("ok", text)
