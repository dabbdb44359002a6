"""What a tool server offers, and one call of a tool. Every failure ends in words, and none holds a secret."""

import asyncio
from typing import Any

from mcp.client.session import ClientSession
from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult, PaginatedRequestParams

from heartbeat.agents.tools.definitions import McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.elicitation import responses_to
from heartbeat.agents.tools.mcp.failures import explain
from heartbeat.agents.tools.mcp.listing import MAX_PAGES, Listing, next_cursor
from heartbeat.agents.tools.mcp.reading import add_readers, drop_idle_readers, read
from heartbeat.agents.tools.mcp.replies import original
from heartbeat.agents.tools.mcp.results import asks_for_input, is_error, result_text
from heartbeat.agents.tools.mcp.server_call import ServerCall
from heartbeat.agents.tools.mcp.session import session
from heartbeat.agents.tools.mcp.traffic import Traffic
from heartbeat.domain.tool_pins import is_as_pinned
from heartbeat.settings import Settings

MAX_ROUNDS = 5


class ToolServerDown(Exception):
    """A server's tools cannot be listed. The message says what happened, in words for the user.

    `wants_sign_in`: it lets nobody in who did not sign in, or not with what was sent.
    """

    def __init__(self, message: str, *, wants_sign_in: bool = False) -> None:
        super().__init__(message)
        self.wants_sign_in = wants_sign_in


async def list_tools(server: McpServer, settings: Settings) -> Listing:
    """List what the server offers now, in its order; raises `ToolServerDown`."""
    traffic, listings = Traffic(access=server.access), list[Listing]()
    try:
        async with asyncio.timeout(settings.tool_timeout_seconds), session(server, settings, traffic) as mcp_session:
            listings.append(await discover(mcp_session))
            await drop_idle_readers(mcp_session, listings[0])
    except Exception as problem:
        # What fails after the list is there, while the session closes, does not undo it.
        if not listings:
            words = explain(server, problem, traffic.status, settings.tool_timeout_seconds)
            raise ToolServerDown(words, wants_sign_in=traffic.status == 401) from None
    return listings[0]


async def discover(mcp_session: ClientSession) -> Listing:
    """Read the list of tools to its end, or as far as is read of one that does not end.

    With them are tools of ours that read what else the server declares to have.
    """
    listing = await _own_tools(mcp_session)
    add_readers(mcp_session, listing)
    return listing


async def _own_tools(mcp_session: ClientSession) -> Listing:
    listing, cursor, seen = Listing(), None, set[str]()
    for _ in range(MAX_PAGES):
        page = original(await mcp_session.list_tools(params=PaginatedRequestParams(cursor=cursor)))
        is_new = listing.add(page)
        cursor = next_cursor(page, seen)
        if cursor is None or not is_new:
            return listing
    listing.is_cut = True
    return listing


def change_of(tool: OfferedTool, listing: Listing) -> ToolResult | None:
    """The outcome of a call that is not made, for the tool is not what was pinned; `None` if it is."""
    assert tool.pinned is not None
    now = listing.tools.get(tool.on_server)
    if now is not None and is_as_pinned(tool.pinned, now):
        return None
    happened = "has changed since it was connected" if now else "is no longer offered by its server"
    text = f"{tool.name} {happened}, so it was not called. It is paused until somebody accepts it."
    return ToolResult("changed", text, discovered=now)


async def request_call(mcp_session: ClientSession, call: ServerCall, settings: Settings) -> ToolResult:
    """Call the tool once. The key goes along, so that its server can tell a repetition from a second call."""
    tool, server = call.tool, call.tool.server
    assert server is not None
    named = {tool.argument_names.get(name, name): value for name, value in call.arguments.items()}
    if tool.reads:
        answer = await read(mcp_session, tool.reads, named, call.meta)
    else:
        answer = await _answer(mcp_session, call, named, server)
    if asks_for_input(answer):
        return ToolResult("failed", f"{tool.name} asks a person for more, and nobody is here to answer it.")
    text = result_text(answer, server, settings.tool_result_bytes)
    return ToolResult("failed", f"{tool.name} failed: {text}") if is_error(answer) else ToolResult("ok", text)


async def _answer(
    mcp_session: ClientSession, call: ServerCall, arguments: dict[str, Any], server: McpServer
) -> dict[str, Any]:
    """What the server answers, once it has been answered what it asks first (the protocol of 2026)."""
    parameters = CallToolRequestParams(name=call.tool.on_server, arguments=arguments, _meta=call.meta)
    for _ in range(MAX_ROUNDS):
        # Not `call_tool`: it holds an answer to the server's own schema, and drops one that does not fit it.
        request = CallToolRequest(params=parameters)
        result = await mcp_session.send_request(request, CallToolResult, progress_callback=call.on_progress)
        answer = original(result)
        responses = responses_to(server, answer, call.answers) if asks_for_input(answer) else None
        if responses is None or call.answers.question is not None:
            break
        state = {"input_responses": responses, "request_state": answer.get("requestState")}
        parameters = parameters.model_copy(update=state)
    return answer
