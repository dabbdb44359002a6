"""Tools: MCP servers that a bot is connected to, and what each of them offers."""

from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy import Connection

from api.deps import CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import Success
from api.schemas.examples import TOOL
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from api.schemas.tools import (
    AllTools,
    ConfigureTools,
    CreateTool,
    ListTools,
    OneTool,
    ToggleTool,
    ToolTried,
    UpdateTool,
    show_tool,
)
from api.tool_registration import ToolListing, ask, changed_copy, changes, drafted, same_server, settle
from heartbeat.domain.errors import Detail, ProductError
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tools import servers as store

router = APIRouter(prefix="/v1/bot/tool", tags=["Tools"])

ToolId = Annotated[str, Path(description="The tool's id (`tool_…`).", examples=[TOOL])]


@router.get("", **call(AllTools, query=ListTools))
async def readall(asking: Annotated[QueryCaller[ListTools], in_query(ListTools)]) -> ApiResponse:
    """List a bot's tools, oldest first."""
    given = asking.given
    page = Page(given.page, given.per_page)
    tools, total = await asking.read(
        given, lambda connection, found: store.tools(connection, found.bot, given.equal(), page)
    )
    shown = [show_tool(tool) for tool in tools]
    entries = [{**tool, "tool": tool} for tool in shown]
    return ApiResponse({"total": total, "tools": entries, "pagination": pagination(page, total)})


@router.post("", **call(OneTool))
async def create(given: CreateTool, asking: CallerDep) -> ApiResponse:
    """Connect an MCP server. One that does not answer is kept all the same: `last_error` says why; refresh it later."""
    settings = asking.stack.settings
    draft = await asking.read(given, lambda _, found: drafted(found.bot, given, settings))
    asked = await ask(draft, settings)

    def work(connection: Connection, found: Access) -> Tool:
        now = utc_now()
        made = store.create_tool(connection, found.bot, draft.model_dump(exclude_unset=True), now)
        return settle(connection, made, asked, now)

    return ApiResponse({"tool": show_tool(await asking.write(given, work))})


@router.get("/{tool_id}", **call(OneTool, query=OfBot))
async def read(tool_id: ToolId, asking: Annotated[QueryCaller[OfBot], in_query(OfBot)]) -> ApiResponse:
    """Read one tool."""
    tool = await asking.read_inline(asking.given, lambda connection, found: store.tool(connection, found.bot, tool_id))
    return ApiResponse({"tool": show_tool(tool)})


@router.put("/{tool_id}", **call(OneTool))
async def update(tool_id: ToolId, given: UpdateTool, asking: CallerDep) -> ApiResponse:
    """Change what is given of a tool. A server that is another one by it, or that never answered, is asked anew."""
    settings = asking.stack.settings
    old = await asking.read_inline(given, lambda connection, found: store.tool(connection, found.bot, tool_id))
    new = changed_copy(old, changes(given, old, settings))
    moved = (new.server_url, new.transport) != (old.server_url, old.transport)
    asked = await ask(new, settings) if moved or old.refreshed_at is None else None

    def work(connection: Connection, found: Access) -> Tool:
        now, row = utc_now(), store.locked_tool(connection, found.bot, tool_id)
        if asked:
            same_server(row, old)
        row = store.write_tool(connection, row, changes(given, row, settings), now)
        return settle(connection, row, asked, now) if asked else row

    return ApiResponse({"tool": show_tool(await asking.write(given, work))})


@router.delete("/{tool_id}", **call(Success, query=OfBot))
async def delete(tool_id: ToolId, asking: Annotated[QueryCaller[OfBot], in_query(OfBot)]) -> ApiResponse:
    """Forget a tool."""
    await asking.write(asking.given, lambda connection, found: store.delete_tool(connection, found.bot, tool_id))
    return ApiResponse({"success": True, "message": f"Tool {tool_id} was deleted."})


@router.put("/{tool_id}/configure", **call(Success))
async def configure(tool_id: ToolId, given: ConfigureTools, asking: CallerDep) -> ApiResponse:
    """Switch several of a server's tools on or off."""
    return await _switch(tool_id, given, {tool.name: tool.is_active for tool in given.tools}, asking)


@router.post("/{tool_id}/toggle", **call(Success))
async def toggle(tool_id: ToolId, given: ToggleTool, asking: CallerDep) -> ApiResponse:
    """Switch one of a server's tools on or off."""
    return await _switch(tool_id, given, {given.tool_name: given.is_active}, asking)


@router.post("/{tool_id}/refresh", **call(Success, query=OfBot))
async def refresh(tool_id: ToolId, asking: Annotated[QueryCaller[OfBot], in_query(OfBot)]) -> ApiResponse:
    """Take what the server offers now as what its tools are, and use again what was paused because it changed."""
    given = asking.given
    old, asked = await _asked(tool_id, given, asking)

    def work(connection: Connection, found: Access) -> Tool:
        row = store.locked_tool(connection, found.bot, tool_id)
        same_server(row, old)
        return settle(connection, row, asked, utc_now())

    await asking.write(given, work)
    if asked.problem:
        raise ProductError(asked.problem, "tool_server_down", 400, [Detail("tool_id", asked.problem)])
    return ApiResponse({"success": True, "message": f"{old.server_label} offers {_count(asked)}."})


@router.post("/{tool_id}/test", **call(ToolTried, query=OfBot))
async def test(tool_id: ToolId, asking: Annotated[QueryCaller[OfBot], in_query(OfBot)]) -> ApiResponse:
    """Try the connection to the server; nothing is stored."""
    tool, asked = await _asked(tool_id, asking.given, asking)
    message = asked.problem or f"{tool.server_label} answers, and offers {_count(asked)}."
    return ApiResponse({"success": asked.problem is None, "message": message, "tools_count": len(asked.found)})


async def _asked(tool_id: ToolId, given: OfBot, asking: CallerDep) -> tuple[Tool, ToolListing]:
    tool = await asking.read_inline(given, lambda connection, found: store.tool(connection, found.bot, tool_id))
    return tool, await ask(tool, asking.stack.settings)


def _count(asked: ToolListing) -> str:
    return f"{len(asked.found)} tool{'' if len(asked.found) == 1 else 's'}"


async def _switch(tool_id: ToolId, given: OfBot, active: dict[str, bool], asking: CallerDep) -> ApiResponse:
    await asking.write(
        given, lambda connection, found: store.switch_tools(connection, found.bot, tool_id, active, utc_now())
    )
    return ApiResponse({"success": True, "message": f"{len(active)} of the tools of {tool_id} were switched."})
