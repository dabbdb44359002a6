"""Where people sign in to tool servers: the page of a link, the way there, and the way back.

Nobody needs a session here. What came from a browser that began it has to come back to the same one.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.auth_throttle import WITH_LINK
from api.dashboard.forms import read_form
from api.dashboard.pages import PageRoute, html, is_https
from api.deps import address_of, stack_of
from api.responses import ApiResponse
from api.tool_sign_in import finish_sign_in, sign_ins
from heartbeat.domain.errors import Forbidden, NotFound
from heartbeat.domain.redaction import shown_address
from heartbeat.domain.setting_values import LOOPBACK
from heartbeat.settings import Settings
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools import connections
from heartbeat.tool_servers.links import PAGE, ConnectLink, public_url, read_link
from heartbeat.tool_servers.sign_in import (
    CALLBACK,
    DOCUMENT,
    CallbackFields,
    ShowFirst,
    SignInFailed,
    SignInRequest,
)

router = APIRouter(route_class=PageRoute, include_in_schema=False)

BROWSER_COOKIE = "heartbeat_tool_sign_in"
NO_PUBLIC_URL = "Nobody would find the way back here: the operator has to set HEARTBEAT_PUBLIC_URL first."
USED = "Somebody has signed in with this link already. Ask for another to sign in again."


@dataclass(frozen=True)
class Invitation:
    """What a link is for, as it is now: `connection` is that of the one who is to sign in, if there is one yet."""

    tool: Tool
    bot: Bot
    connection: ToolConnection | None
    member_id: int | None


@router.get(PAGE)
async def page(request: Request, link: str = "") -> Response:
    """Say which tool asks to be signed in to, and where."""
    invitation = await _invitation(request, link)
    return _page(invitation, link, invitation.connection.issuer if invitation.connection else None)


@router.post(PAGE)
async def begin(request: Request) -> Response:
    """Lead on to the authorization server, if it is the one that was shown or needs not be."""
    form, stack = await read_form(request), stack_of(request)
    link = form.get("link")
    invitation = await _invitation(request, link)
    browser, shown = browser_of(request), form.get("issuer") or None
    try:
        base = base_url(request, stack.settings)
        sign_in = SignInRequest(invitation.tool, base, invitation.member_id, shown, browser)
        url = await sign_ins(stack).begin(sign_in)
    except ShowFirst as stopped:
        return _page(invitation, link, stopped.issuer)
    except SignInFailed as problem:
        return _page(invitation, link, None, problem.message)
    return lead_on(request, url, browser)


@router.get(CALLBACK)
async def callback(
    request: Request, state: str = "", code: str = "", iss: str | None = None, error: str = ""
) -> Response:
    """Take back somebody who signed in."""
    fields = CallbackFields(state, code, iss, error)
    finished = await finish_sign_in(stack_of(request), fields, request.cookies.get(BROWSER_COOKIE))
    # A page, and no redirect: a browser would keep our own cookie to itself on a way that began elsewhere.
    return html(
        "tool_signed_in",
        400 if finished.problem else 200,
        tool=finished.tool,
        problem=finished.problem,
        return_path=finished.return_path,
    )


@router.get(DOCUMENT)
async def document(request: Request) -> Response:
    """Describe us to authorization servers that take the address of such a document for a client's id."""
    base = public_url(stack_of(request).settings)
    return ApiResponse(
        {
            "client_id": base + DOCUMENT,
            "client_name": "Heartbeat",
            "redirect_uris": [base + CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
    )


def lead_on(request: Request, url: str, browser: str) -> Response:
    """Lead a browser to an authorization server, and have it know itself again when it is back."""
    # A page, and no redirect: the policy of our pages lets forms lead to ourselves alone.
    response = html("tool_sign_in", url=url, host=urlsplit(shown_address(url)).netloc)
    response.set_cookie(
        BROWSER_COOKIE,
        browser,
        max_age=int(connections.SIGN_IN_LASTS.total_seconds()),
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )
    return response


def browser_of(request: Request) -> str:
    """The value by which this browser is known: its own, for one may sign in to two servers at once."""
    value = request.cookies.get(BROWSER_COOKIE, "")
    return value if len(value) == len(secrets.token_urlsafe()) else secrets.token_urlsafe()


def base_url(request: Request, settings: Settings) -> str:
    """Where this browser reaches us. On one machine its own name for it counts: a cookie is for one name alone.

    Raises `SignInFailed` when it came by a name that nobody has vouched for.
    """
    host = request.headers.get("host", "")
    if settings.public_url is not None:
        return public_url(settings)
    if _host_name(host) in LOOPBACK:
        return f"{'https' if is_https(request) else 'http'}://{host}"
    raise SignInFailed("no_public_url", NO_PUBLIC_URL)


def _host_name(header: str) -> str | None:
    """Read the name in a Host header, which is anybody's text; `None` for none."""
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


async def _invitation(request: Request, link: str) -> Invitation:
    stack = stack_of(request)
    try:
        known = read_link(stack.settings, link, stack.now())
    except Forbidden:
        await stack.auth_throttle.count(WITH_LINK, address_of(request))
        raise
    return await stack.database.read(_read, known, stack.now())


def _read(connection: Connection, link: ConnectLink, now: datetime) -> Invitation:
    row = connections.invited(connection, link.tool_uuid, link.member_id)
    if row is None:
        raise NotFound("tool", link.tool_uuid)
    tool, bot, own = row
    if own is not None and own.connected_at is not None and own.connected_at >= link.made_at:
        raise Forbidden("link_used", USED)
    return Invitation(tool, bot, own, link.member_id)


def _page(invitation: Invitation, link: str, issuer: str | None, problem: str = "") -> Response:
    return html(
        "tool_connect",
        400 if problem else 200,
        tool=invitation.tool,
        bot=invitation.bot,
        server=urlsplit(invitation.tool.server_url).netloc,
        issuer=issuer,
        authorization_host=urlsplit(shown_address(issuer)).netloc if issuer else None,
        link=link,
        problem=problem,
    )
