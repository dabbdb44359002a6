"""Sign in to a tool server from its page, for its bot; or make the link with which a subscriber does."""

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form, validated
from api.dashboard.pages import PageRoute
from api.dashboard.routes.tool_connect import base_url, browser_of, lead_on
from api.dashboard.routes.tool_form import bot_and_tool
from api.dashboard.routes.tool_server import show_server
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.tool_sign_in import SignInFields
from api.tool_sign_in import describe_sign_in, invite_member, list_connected, sign_ins
from heartbeat.domain.errors import ProductError
from heartbeat.store.overview.waiting import access_to_tool
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools import connections
from heartbeat.tool_servers.sign_in import ShowFirst, SignInFailed, SignInRequest

router = APIRouter(prefix="/tools/{uuid}", route_class=PageRoute, include_in_schema=False)


@router.get("/sign-in")
@router.get("/invite")
async def back(uuid: str) -> Response:
    """Lead whoever opens the address of what was sent to the server's page."""
    return RedirectResponse(f"/tools/{uuid}", 303)


@router.post("/sign-in")
async def sign_in(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Lead to the authorization server that the page has shown."""
    form, stack = await read_form(request), visitor.stack
    access, tool = await visitor.read(bot_and_tool, uuid)
    try:
        own = await _described(visitor, access, tool, form)
        if own.grant_type == "client_credentials":
            await list_connected(stack, tool, await sign_ins(stack).connect_machine(tool))
            return RedirectResponse(f"/tools/{tool.uuid}?done=signed_in", 303)
        browser = browser_of(request)
        wanted = SignInRequest(
            tool,
            base_url(request, stack.settings),
            shown_issuer=form.get("shown") or None,
            browser=browser,
            return_path=f"/tools/{tool.uuid}?done=signed_in",
        )
        return lead_on(request, await sign_ins(stack).begin(wanted), browser)
    except ShowFirst as stopped:
        await stack.database.write(connections.note, own.id, {"issuer": stopped.issuer}, stack.now())
        return await show_server(visitor, uuid, None, stopped.message, stopped.status)
    except SignInFailed as problem:
        await stack.database.write(connections.note, own.id, {"last_error": problem.code}, stack.now())
        return await show_server(visitor, uuid, None, problem.message, problem.status)
    except ProductError as problem:
        if problem.status != 400:
            raise
        return await show_server(visitor, uuid, None, problem.message, problem.status)


async def _described(visitor: Visitor, access: Access, tool: Tool, form: Form) -> ToolConnection:
    """Write the client that was given, if one was; whatever else was said of how to sign in stays. Raises `Invalid`."""
    ids = {"project_id": access.project.uuid, "bot_id": access.bot.uuid}
    body = validated(SignInFields, {**ids, **form.filled("client_id", "client_secret")})
    return await visitor.stack.database.write(describe_sign_in, tool, body, visitor.stack.settings, visitor.now())


@router.post("/invite")
async def invite(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Make a link with which a subscriber signs in."""
    form = await read_form(request)
    tool, member_id = await visitor.read(_invited, uuid, form.get("member_id"))
    invited = await invite_member(visitor.stack, tool, member_id)
    return await show_server(visitor, uuid, None, link=invited.authorize_url or "")


def _invited(connection: Connection, access: Access, uuid: str, key: str) -> tuple[Tool, int]:
    access, tool = bot_and_tool(connection, access_to_tool(connection, access, uuid), uuid)
    return tool, subscriber(connection, access.bot, key).id
