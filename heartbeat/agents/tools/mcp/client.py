"""Speaking to a tool server: what it offers, and one call. Every way to fail ends in words, and none holds a secret."""

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
T = TypeVar("T")


class ToolServerDown(Exception):
    """A server's tools cannot be listed. The message says what happened, in words for the user."""


async def list_tools(server: McpServer, settings: Settings) -> list[DiscoveredTool]:
    """What the server offers now, in its order; raises `ToolServerDown`."""
    journey = SessionProgress()
    try:
        return await _ask(server, settings, journey, _listing)
    except Exception as problem:
        raise ToolServerDown(explain(server, problem, journey, settings.tool_timeout_seconds)) from None


async def call(definition: OfferedTool, arguments: dict[str, Any], *, key: str, settings: Settings) -> ToolResult:
    """Call a tool once, if it still is what was pinned; raises nothing but a cancellation.

    `key` goes along, the same for a repetition of this call, so that the server can tell one from a second call.
    """
    server = definition.server
    assert server is not None, f"{definition.name} is built in"
    journey = SessionProgress(key)

    async def make(opened: ClientSession) -> ToolResult:
        changed = await _drift(opened, definition)
        if changed is not None:
            return changed
        journey.sent = True
        return _called(await _request(opened, definition.on_server, arguments, key), definition, server, settings)

    try:
        return await _ask(server, settings, journey, make)
    except Exception as problem:
        return failed_call(definition, server, problem, journey, settings.tool_timeout_seconds)


async def _ask(
    server: McpServer, settings: Settings, journey: SessionProgress, work: Callable[[ClientSession], Awaitable[T]]
) -> T:
    """What `work` made of one session. What fails after that, while the session closes, does not undo it."""
    done: list[T] = []
    try:
        async with asyncio.timeout(settings.tool_timeout_seconds), session(server, settings, journey) as opened:
            done.append(await work(opened))
    except Exception:
        if not done:
            raise
    return done[0]


async def _listing(opened: ClientSession) -> list[DiscoveredTool]:
    found: dict[str, DiscoveredTool] = {}
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await opened.list_tools(params=PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            found.setdefault(tool.name, _found(tool))
        if (cursor := page.next_cursor) is None:
            break
    return list(found.values())


def _found(tool: Tool) -> DiscoveredTool:
    notes = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True) if tool.annotations else {}
    return DiscoveredTool(tool.name, tool.description or "", tool.input_schema, notes)


async def _drift(opened: ClientSession, definition: OfferedTool) -> ToolResult | None:
    if not definition.hash:
        return None
    now = next((tool for tool in await _listing(opened) if tool.name == definition.on_server), None)
    if now is not None and now.hash == definition.hash:
        return None
    happened = "has changed since it was connected" if now else "is no longer offered by its server"
    text = f"{definition.name} {happened}, so it was not called. It is paused until somebody refreshes it."
    return ToolResult("changed", text, found=now)


async def _request(
    opened: ClientSession, name: str, arguments: dict[str, Any], key: str
) -> CallToolResult | InputRequiredResult:
    # Not `call_tool`: it holds an answer to the server's own schema, and drops one that was given but does not fit.
    parameters = CallToolRequestParams(name=name, arguments=arguments, _meta={KEY: key})
    return await opened.send_request(CallToolRequest(params=parameters), ANSWER)


def _called(
    answer: CallToolResult | InputRequiredResult, definition: OfferedTool, server: McpServer, settings: Settings
) -> ToolResult:
    if isinstance(answer, InputRequiredResult):
        return ToolResult("failed", f"{definition.name} asks a person for more, and nobody is here to answer it.")
    text = result_text(answer, server, settings.tool_result_bytes)
    return ToolResult("failed", f"{definition.name} failed: {text}") if answer.is_error else ToolResult("ok", text)
