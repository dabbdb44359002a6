"""Tools: registrations of MCP servers. They are kept, listed and switched; nothing speaks to a server yet."""

from typing import Annotated, NoReturn

from fastapi import APIRouter

from api.answers import Answer
from api.deps import Asking, in_query, utc_now
from api.openapi import call
from api.schemas.bots import Success
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from api.schemas.tools import (
    AllTools,
    ConfigureTools,
    CreateTool,
    ListTools,
    OneTool,
    ToggleTool,
    UpdateTool,
    show_tool,
)
from heartbeat.errors import Invalid
from heartbeat.store import tools as store
from heartbeat.store.pages import Page

router = APIRouter(prefix="/v1/bot/tool", tags=["Tools"])


@router.get("", **call(AllTools, query=ListTools))
async def readall(given: Annotated[ListTools, in_query(ListTools)], asking: Asking) -> Answer:
    """List a bot's tools, oldest first."""
    page = Page(given.page, given.per_page)
    tools, total = await asking.read(
        given, lambda connection, found: store.tools(connection, found.bot, given.equal(), page)
    )
    shown = [show_tool(tool) for tool in tools]
    entries = [{**tool, "tool": tool} for tool in shown]
    return Answer({"total": total, "tools": entries, "pagination": pagination(page, total)})


@router.post("", **call(OneTool))
async def create(given: CreateTool, asking: Asking) -> Answer:
    """Register an MCP server."""
    tool = await asking.write(
        given, lambda connection, found: store.create_tool(connection, found.bot, given.fields(), utc_now())
    )
    return Answer({"tool": show_tool(tool)})


@router.get("/{tool_id}", **call(OneTool, query=OfBot))
async def read(tool_id: str, given: Annotated[OfBot, in_query(OfBot)], asking: Asking) -> Answer:
    """Read one tool."""
    tool = await asking.read(given, lambda connection, found: store.tool(connection, found.bot, tool_id))
    return Answer({"tool": show_tool(tool)})


@router.put("/{tool_id}", **call(OneTool))
async def update(tool_id: str, given: UpdateTool, asking: Asking) -> Answer:
    """Change what is given of a tool."""
    tool = await asking.write(
        given, lambda connection, found: store.update_tool(connection, found.bot, tool_id, given.fields(), utc_now())
    )
    return Answer({"tool": show_tool(tool)})


@router.delete("/{tool_id}", **call(Success, query=OfBot))
async def delete(tool_id: str, given: Annotated[OfBot, in_query(OfBot)], asking: Asking) -> Answer:
    """Forget a tool."""
    await asking.write(given, lambda connection, found: store.delete_tool(connection, found.bot, tool_id))
    return Answer({"success": True, "message": f"Tool {tool_id} was deleted."})


@router.put("/{tool_id}/configure", **call(Success))
async def configure(tool_id: str, given: ConfigureTools, asking: Asking) -> Answer:
    """Switch several of a server's tools on or off."""
    return await _switch(tool_id, given, {tool.name: tool.is_active for tool in given.tools}, asking)


@router.post("/{tool_id}/toggle", **call(Success))
async def toggle(tool_id: str, given: ToggleTool, asking: Asking) -> Answer:
    """Switch one of a server's tools on or off."""
    return await _switch(tool_id, given, {given.tool_name: given.is_active}, asking)


@router.post("/{tool_id}/refresh", **call(Success, query=OfBot))
async def refresh(tool_id: str, given: Annotated[OfBot, in_query(OfBot)], asking: Asking) -> Answer:
    """Ask the server for its tools: not possible yet."""
    await _not_yet(tool_id, given, asking)


@router.post("/{tool_id}/test", **call(Success, query=OfBot))
async def test(tool_id: str, given: Annotated[OfBot, in_query(OfBot)], asking: Asking) -> Answer:
    """Try the connection to the server: not possible yet."""
    await _not_yet(tool_id, given, asking)


async def _switch(tool_id: str, given: OfBot, active: dict[str, bool], asking: Asking) -> Answer:
    await asking.write(
        given, lambda connection, found: store.switch_tools(connection, found.bot, tool_id, active, utc_now())
    )
    return Answer({"success": True, "message": f"{len(active)} of the tools of {tool_id} were switched."})


async def _not_yet(tool_id: str, given: OfBot, asking: Asking) -> NoReturn:
    await asking.read(given, lambda connection, found: store.tool(connection, found.bot, tool_id))
    raise Invalid(
        "tool_id", "this version keeps registrations but does not connect to servers yet", "not_supported_yet"
    )
