"""Tools: MCP servers that a bot is connected to, and what each of them offers."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy import Connection

from api.deps import Caller, CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import Success
from api.schemas.examples import TOOL
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from api.schemas.tool_objects import AllTools, OneTool, ToolToConnect, ToolTried, show_tool
from api.schemas.tool_sign_in import ConnectTool, MemberConnections, show_connection
from api.schemas.tools import ConfigureTools, CreateTool, ListTools, ToggleTool, UpdateTool
from api.tool_registration import (
    accept_listing,
    create_tool,
    list_offered,
    new_tool,
    offered,
    outcome,
    prepare_update,
    update_tool,
)
from api.tool_sign_in import ConnectingTool, connect_new, invite_member, list_now, start_sign_in
from heartbeat.domain.errors import Detail, ProductError
from heartbeat.store.database.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tools import servers as store
from heartbeat.store.tools.connections import member_connections, own_connections

router = APIRouter(prefix="/v1/bot/tool", tags=["Tools"], strict_content_type=False)

ToolId = Annotated[str, Path(description="The tool's id (`tool_…`).", examples=[TOOL])]


@router.get("", **call(AllTools, query=ListTools))
async def readall(query: Annotated[ListTools, query_params(ListTools)], caller: CallerDep) -> ApiResponse:
    """List a bot's tools, oldest first."""
    page = Page(query.page, query.per_page)
    tools, total = await caller.read(query, store.tools, query.equal(), page)
    objects = await _shown(caller, tools)
    entries = [{**tool, "tool": tool} for tool in objects]
    return ApiResponse({"total": total, "tools": entries, "pagination": pagination(page, total)})


@router.post("", **call(ToolToConnect))
async def create(body: CreateTool, caller: CallerDep) -> ApiResponse:
    """Connect an MCP server. One that does not answer is kept all the same: `last_error` says why; refresh it later.

    When a person has to sign in to it, `authorize_url` is where.
    """
    access, settings = await caller.access(body), caller.stack.settings
    draft = new_tool(access.bot, body, settings)
    listing = await list_offered(draft, settings)
    tool = await caller.write(body, create_tool, draft, listing, caller.now())
    return _to_connect(await connect_new(caller.stack, tool, body, listing))


@router.get("/{tool_id}", **call(OneTool, query=OfBot))
async def read(tool_id: ToolId, query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """Read one tool."""
    return await _one(caller, await caller.read_inline(query, store.tool, tool_id))


@router.put("/{tool_id}", **call(OneTool))
async def update(tool_id: ToolId, body: UpdateTool, caller: CallerDep) -> ApiResponse:
    """Change the fields of a tool that are sent.

    A server that becomes another one by the change, or that never answered, is asked anew what it offers.
    """
    before = await caller.read_inline(body, store.tool, tool_id)
    change = await prepare_update(body, before, caller.stack.settings)
    tool = await caller.write(body, update_tool, change, caller.stack.settings, caller.now())
    return await _one(caller, tool)


@router.delete("/{tool_id}", **call(Success, query=OfBot))
async def delete(tool_id: ToolId, query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """Delete a tool, and the headers that are kept of it."""
    await caller.write(query, store.delete_tool, tool_id)
    return ApiResponse({"success": True, "message": f"Tool {tool_id} was deleted."})


@router.put("/{tool_id}/configure", **call(Success))
async def configure(tool_id: ToolId, body: ConfigureTools, caller: CallerDep) -> ApiResponse:
    """Switch several of a server's tools on or off."""
    return await _switch(caller, body, tool_id, {tool.name: tool.is_active for tool in body.tools})


@router.post("/{tool_id}/toggle", **call(Success))
async def toggle(tool_id: ToolId, body: ToggleTool, caller: CallerDep) -> ApiResponse:
    """Switch one of a server's tools on or off."""
    return await _switch(caller, body, tool_id, {body.tool_name: body.is_active})


async def _switch(caller: Caller, ids: OfBot, tool_id: str, active: dict[str, bool]) -> ApiResponse:
    await caller.write(ids, store.switch_tools, tool_id, active, caller.now())
    return ApiResponse({"success": True, "message": f"{len(active)} of the tools of {tool_id} were switched."})


@router.post("/{tool_id}/connect", **call(ToolToConnect))
async def connect(tool_id: ToolId, body: ConnectTool, caller: CallerDep) -> ApiResponse:
    """Sign in to a tool's server, for the first time or again: `authorize_url` is where a person does it.

    With `member_id`, the address is a page for that subscriber, good for seven days and one sign-in.
    """
    tool = await caller.read_inline(body, store.tool, tool_id)
    if body.member_id is None:
        return _to_connect(await start_sign_in(caller.stack, tool, body))
    member_id = await caller.read_inline(body, _member_id, body.member_id)
    return _to_connect(await invite_member(caller.stack, tool, member_id))


@router.get("/{tool_id}/connections", **call(MemberConnections, query=OfBot))
async def members(tool_id: ToolId, query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """List who of a bot's subscribers is signed in to a tool that is per_member."""
    tool = await caller.read_inline(query, store.tool, tool_id)
    rows = await caller.stack.database.read(member_connections, tool.id)
    shown = [{"member_id": member.uuid, **(show_connection(row) or {})} for row, member in rows]
    return ApiResponse({"connections": shown})


def _member_id(connection: Connection, access: Access, key: str) -> int:
    return subscriber(connection, access.bot, key).id


async def _shown(caller: Caller, tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Show tools of the caller's with the connections of their bot."""
    own = await caller.stack.database.read_inline(own_connections, [tool.id for tool in tools])
    return [show_tool(tool, own.get(tool.id)) for tool in tools]


async def _one(caller: Caller, tool: Tool) -> ApiResponse:
    return ApiResponse({"tool": (await _shown(caller, [tool]))[0]})


def _to_connect(one: ConnectingTool) -> ApiResponse:
    return ApiResponse({"tool": show_tool(one.tool, one.connection), "authorize_url": one.authorize_url})


@router.post("/{tool_id}/refresh", **call(Success, query=OfBot))
async def refresh(tool_id: ToolId, query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """Refresh a tool: take what its server offers now, and use again what was paused because it changed."""
    before = await caller.read_inline(query, store.tool, tool_id)
    listing = await list_now(caller.stack, before)
    await caller.write(query, accept_listing, before, listing, caller.now())
    if listing.problem:
        raise ProductError(listing.problem, "tool_server_down", 400, [Detail("tool_id", listing.problem)])
    return ApiResponse({"success": True, "message": f"{before.server_label} offers {offered(listing)}."})


@router.post("/{tool_id}/test", **call(ToolTried, query=OfBot))
async def test(tool_id: ToolId, query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """Try the connection to a tool's server; nothing is stored."""
    tool = await caller.read_inline(query, store.tool, tool_id)
    listing = await list_now(caller.stack, tool)
    count = len(listing.tools)
    return ApiResponse({"success": listing.problem is None, "message": outcome(tool, listing), "tools_count": count})
