"""The page of one tool server: what it offers, what of it is used and asks first, and whether it answers."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.edited_meanwhile import (
    LOADED,
    THEIRS,
    EditedMeanwhile,
    field_changes,
    require_unedited,
    with_changes,
    with_theirs,
)
from api.dashboard.forms import Form, read_form, validated
from api.dashboard.pages import PageRoute, html
from api.dashboard.routes.tool_form import bot_and_tool, write_update
from api.dashboard.tool_form import approval_of, saved_use, switches_of, use_form, wanted_use
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import formats
from api.dashboard.views.tool_server import (
    APPROVALS,
    DIFFERENCE,
    DIFFERENCE_CHIP,
    USE_FIELDS,
    revision,
    server_page_view,
    sign_in_view,
)
from api.dashboard.views.tools import server_view
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.tools import UpdateTool
from api.tool_registration import (
    ToolListing,
    ToolUpdate,
    accept_listing,
    fingerprint,
    outcome,
    prepare_update,
    update_tool,
)
from api.tool_sign_in import list_now
from heartbeat.domain.errors import Conflict, ProductError
from heartbeat.domain.tool_connections import NOT_CONNECTED
from heartbeat.domain.tool_pins import differences
from heartbeat.settings import Settings
from heartbeat.store.bots.subscribers import subscribers
from heartbeat.store.database.pages import Page
from heartbeat.store.overview.waiting import ListedServer, access_to_tool
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Subscriber, Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools import servers as store
from heartbeat.store.tools.connections import connection_of, member_connections

router = APIRouter(prefix="/tools/{uuid}", route_class=PageRoute, include_in_schema=False)

MOST_SUBSCRIBERS = 200

NOTICES = {
    "connected": marked("The server is connected."),
    "expected": marked("The server is kept. It wants to be signed in to before it says what it offers."),
    "signed_in": marked("You are signed in to the server."),
    "saved": marked("The changes are saved."),
    "on": marked("Its tools are offered again."),
    "off": marked("Its tools are not offered any more, until you switch it on."),
    "same": marked("It was asked, and offers what it offered before."),
    "accepted": marked("The tools of this server are what it offers now."),
    "down": marked("The server could not be asked what it offers now; why is said below. Nothing was changed."),
}


@router.get("")
async def server(uuid: str, visitor: VisitorDep, done: str = "") -> Response:
    """One server with its tools."""
    return await show_server(visitor, uuid, _(NOTICES[done]) if done in NOTICES else None)


@router.get("/tools")
@router.get("/test")
@router.get("/refresh")
@router.get("/review")
async def back(uuid: str) -> Response:
    """Lead whoever opens the address of what was sent to the server's page."""
    return RedirectResponse(f"/tools/{quote(uuid)}", 303)


async def show_server(
    visitor: Visitor, uuid: str, done: str | None = None, problem: str = "", status: int = 200, **typed: Any
) -> Response:
    """Show the page of a server. `link` is one with which a subscriber signs in, just made."""
    now = visitor.now()
    frame, (access, tool, connection, audience) = await visitor.read_framed(_server, uuid)
    form = typed.get("form") or use_form(tool)
    return html(
        "tool_server",
        status,
        frame=frame,
        bot=access.bot,
        tool=tool,
        server=server_view(ListedServer(tool, access.bot.name), now),
        view=server_page_view(tool, form, now),
        sign_in=sign_in_view(tool, connection, now),
        audience=audience,
        link=typed.get("link"),
        approvals=translated(APPROVALS),
        form=form,
        changes=typed.get("changes", ()),
        problem=problem,
        done=done,
    )


def _server(
    connection: Connection, access: Access, uuid: str
) -> tuple[Access, Tool, ToolConnection | None, list[tuple[Subscriber, str]]]:
    """Read a server, its own connection, and for one that is `per_member` its subscribers and how they stand."""
    access, tool = bot_and_tool(connection, access, uuid)
    if not tool.per_member:
        return access, tool, connection_of(connection, tool.id), []
    states = {member.id: row.state for row, member in member_connections(connection, tool.id)}
    members, _total = subscribers(connection, access, Page(1, MOST_SUBSCRIBERS))
    audience = [(member, states.get(member.id, NOT_CONNECTED)) for member in members]
    return access, tool, connection_of(connection, tool.id), audience


@router.post("/tools")
async def settle(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Say which tools of the server are used, and which of them ask first."""
    form = await read_form(request)
    if form.get("do") == THEIRS:
        _access, tool = await visitor.read(bot_and_tool, uuid)
        return await show_server(visitor, uuid, form=with_theirs(form, use_form(tool), USE_FIELDS))
    try:
        await visitor.write(_settled, uuid, form, visitor.stack.settings, visitor.now())
    except EditedMeanwhile as problem:
        changes = field_changes(problem, USE_FIELDS)
        return await show_server(visitor, uuid, status=409, form=with_changes(form, problem), changes=changes)
    except ProductError as problem:
        if problem.status not in (400, 409):
            raise
        return await show_server(visitor, uuid, None, problem.message, problem.status)
    return RedirectResponse(f"/tools/{uuid}?done=saved", 303)


def _settled(connection: Connection, access: Access, uuid: str, form: Form, settings: Settings, now: datetime) -> Tool:
    access = access_to_tool(connection, access, uuid)
    tool = store.lock_tool(connection, access, uuid)
    if form.get("refreshed") != revision(tool):
        words = _("What the server offers was read anew meanwhile. These are its tools now: choose again.")
        raise Conflict("tool_changed", words)
    require_unedited(form.get(LOADED), saved_use(tool), wanted_use(form, tool))
    ids = {"project_id": access.project.uuid, "bot_id": access.bot.uuid}
    body = validated(UpdateTool, {**ids, "require_approval": approval_of(form, tool)})
    store.switch_tools(connection, access, uuid, switches_of(form, tool), now)
    return update_tool(connection, access, ToolUpdate(body, tool, None), settings, now)


@router.post("/switch")
async def switch(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Offer the server's tools to its bot, or none of them."""
    on = (await read_form(request)).get("on") == "1"
    access, tool = await visitor.read(bot_and_tool, uuid)
    body = UpdateTool(project_id=access.project.uuid, bot_id=access.bot.uuid, is_enabled=on)
    update = await prepare_update(body, tool, visitor.stack.settings)
    await visitor.write(write_update, update, visitor.stack.settings, visitor.now())
    return RedirectResponse(f"/tools/{uuid}?done={'on' if on else 'off'}", 303)


@router.post("/test")
async def test(uuid: str, visitor: VisitorDep) -> Response:
    """Ask the server whether it answers; no tool is called and nothing is stored."""
    _access, tool = await visitor.read(bot_and_tool, uuid)
    listing = await list_now(visitor.stack, tool)
    if listing.problem:
        return await show_server(visitor, uuid, None, listing.problem)
    return await show_server(visitor, uuid, " ".join(filter(None, [outcome(tool, listing), listing.warning])))


@router.post("/refresh")
async def refresh(uuid: str, visitor: VisitorDep) -> Response:
    """Ask the server what it offers now, and show how that differs; what is the same is taken at once."""
    _access, tool = await visitor.read(bot_and_tool, uuid)
    listing = await list_now(visitor.stack, tool)
    if not listing.problem and differences(tool.tools, listing.tools):
        return await _review(visitor, tool, listing)
    await visitor.write(write_listing, tool, listing, visitor.now())
    return RedirectResponse(f"/tools/{uuid}?done={'down' if listing.problem else 'same'}", 303)


@router.post("/review")
async def accept(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Take what was shown; a server that offers something else again by now has that shown first."""
    seen = (await read_form(request)).get("seen")
    _access, tool = await visitor.read(bot_and_tool, uuid)
    listing = await list_now(visitor.stack, tool)
    if not listing.problem and fingerprint(listing) != seen:
        return await _review(visitor, tool, listing, 409)
    await visitor.write(write_listing, tool, listing, visitor.now())
    return RedirectResponse(f"/tools/{uuid}?done={'down' if listing.problem else 'accepted'}", 303)


async def _review(visitor: Visitor, tool: Tool, listing: ToolListing, status: int = 200) -> Response:
    frame, (access, tool) = await visitor.read_framed(bot_and_tool, tool.uuid)
    return html(
        "tool_review",
        status,
        frame=frame,
        bot=access.bot,
        tool=tool,
        differences=differences(tool.tools, listing.tools),
        words={kind: _(text) for kind, text in DIFFERENCE.items()},
        chips=DIFFERENCE_CHIP,
        warning=listing.warning,
        seen=fingerprint(listing),
        is_again=status == 409,
    )


def write_listing(connection: Connection, access: Access, before: Tool, listing: ToolListing, now: datetime) -> Tool:
    return accept_listing(connection, access_to_tool(connection, access, before.uuid), before, listing, now)


@router.get("/delete")
async def delete_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether the server is to be disconnected."""
    frame, (access, tool) = await visitor.read_framed(bot_and_tool, uuid)
    return html(
        "question",
        frame=frame,
        place="/tools",
        title=_("Disconnect %(name)s?") % {"name": formats.isolated(tool.server_label)},
        text=_("%(bot)s has its tools no more, and what is kept of it is deleted, its headers too.")
        % {"bot": formats.isolated(access.bot.name)},
        action=f"/tools/{tool.uuid}/delete",
        button=_("Disconnect the server"),
        back=f"/tools/{tool.uuid}",
    )


@router.post("/delete")
async def delete(uuid: str, visitor: VisitorDep) -> Response:
    """Delete a server, and the headers that are kept of it."""
    bot_uuid = await visitor.write(_deleted, uuid)
    return RedirectResponse(f"/bots/{bot_uuid}?done=tool_deleted", 303)


def _deleted(connection: Connection, access: Access, uuid: str) -> str:
    access = access_to_tool(connection, access, uuid)
    store.delete_tool(connection, access, uuid)
    return access.bot.uuid
