"""Connect tools to servers that want to be signed in to: the API's side and the dashboard's of what it takes."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from api.deps import Stack
from api.schemas.tool_sign_in import SignInFields
from api.tool_registration import ToolListing, list_offered, require_same_server, write_listing
from heartbeat.domain.errors import Invalid
from heartbeat.domain.tool_connections import OAuthClient
from heartbeat.secrets.connections import open_client, seal_client
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools import connections, servers
from heartbeat.tool_servers.links import connect_url, public_url
from heartbeat.tool_servers.refreshing import Refresher
from heartbeat.tool_servers.sign_in import (
    CallbackFields,
    Finished,
    ShowFirst,
    SignInFailed,
    SignInRequest,
    SignIns,
)

NOT_YET = "Nobody has signed in to it yet."


@dataclass(frozen=True)
class ConnectingTool:
    """A tool, its own connection if it takes one, and where a person signs in if one has to."""

    tool: Tool
    connection: ToolConnection | None
    authorize_url: str | None = None


def sign_ins(stack: Stack) -> SignIns:
    return SignIns(stack.database, stack.settings, stack.now)


async def list_now(stack: Stack, tool: Tool) -> ToolListing:
    """Ask a server what it offers now, let in with what was granted to its bot or to a subscriber."""
    connection = await stack.database.read_inline(connections.listing_connection, tool)
    refresher = Refresher(stack.database, stack.settings, stack.now)
    return await list_offered(tool, stack.settings, connection, refresher)


async def connect_new(stack: Stack, tool: Tool, body: SignInFields, listing: ToolListing) -> ConnectingTool:
    """Go as far in signing in to a tool just created as goes without a person; what fails is told by the tool."""
    if not (listing.wants_sign_in or body.names_sign_in or tool.per_member):
        return ConnectingTool(tool, None)
    try:
        connecting = await start_sign_in(stack, tool, body)
        return replace(connecting, tool=await _noted(stack, connecting.tool, listing))
    except (SignInFailed, ShowFirst) as problem:
        if problem.code == "no_authorization" and not body.names_sign_in:
            await stack.database.write(connections.forget_grants, tool.id)
            return ConnectingTool(tool, None)
        tool = await stack.database.write(servers.record_failure, tool, problem.message)
        return ConnectingTool(tool, await stack.database.read_inline(connections.connection_of, tool.id))


async def expect_sign_in(stack: Stack, tool: Tool, body: SignInFields, listing: ToolListing) -> bool:
    """Note of a tool just created where a person who is not on the way yet will sign in; returns whether one has to."""
    is_machine = body.grant_type == "client_credentials"
    if is_machine or tool.per_member or not listing.wants_sign_in:
        await connect_new(stack, tool, body, listing)
        return False
    issuer = body.issuer or await sign_ins(stack).find_issuer(tool)
    is_expected = bool(issuer) or body.names_sign_in
    if is_expected:
        own = await stack.database.write(describe_sign_in, tool, body, stack.settings, stack.now())
        await stack.database.write(connections.note, own.id, {"issuer": issuer}, stack.now())
        await _noted(stack, tool, listing)
    return is_expected


async def _noted(stack: Stack, tool: Tool, listing: ToolListing) -> Tool:
    """Say of a tool that it waits for a person, in place of the headers that it was not let in with."""
    if not listing.wants_sign_in or tool.refreshed_at is not None:
        return tool
    return await stack.database.write(servers.record_failure, tool, NOT_YET)


async def start_sign_in(stack: Stack, tool: Tool, body: SignInFields) -> ConnectingTool:
    """Have somebody sign in to a tool for its bot, or sign in as a machine.

    Raises `SignInFailed`, and `ShowFirst` where no person comes along to be shown the other host.
    """
    settings, database = stack.settings, stack.database
    own = await database.write(describe_sign_in, tool, body, settings, stack.now())
    if tool.per_member:
        return ConnectingTool(tool, own)
    try:
        if own.grant_type == "client_credentials":
            own = await sign_ins(stack).connect_machine(tool)
            return ConnectingTool(await list_connected(stack, tool, own), own)
        url = await sign_ins(stack).begin(SignInRequest(tool, public_url(settings), shown_issuer=body.issuer))
    except ShowFirst as stopped:
        await database.write(connections.note, own.id, {"issuer": stopped.issuer}, stack.now())
        if own.grant_type == "client_credentials":
            raise
        url = connect_url(settings, tool.uuid, None, stack.now())
    except SignInFailed as problem:
        await database.write(connections.note, own.id, {"last_error": problem.code}, stack.now())
        raise
    return ConnectingTool(tool, await database.read_inline(connections.connection_of, tool.id), url)


async def invite_member(stack: Stack, tool: Tool, member_id: int) -> ConnectingTool:
    """Have a subscriber asked to sign in: the address is a page of ours that can be sent to one. Raises `Invalid`."""
    if not tool.per_member:
        raise Invalid("member_id", "is for tools that are per_member; this one is signed in to for its whole bot")
    await stack.database.write(connections.ensure_connection, tool.id, member_id, {}, stack.now())
    own = await stack.database.read_inline(connections.connection_of, tool.id)
    return ConnectingTool(tool, own, connect_url(stack.settings, tool.uuid, member_id, stack.now()))


async def finish_sign_in(stack: Stack, fields: CallbackFields, browser: str | None) -> Finished:
    """Connect the tool of a person who came back, and ask its server what it offers. Raises `Conflict`."""
    finished = await sign_ins(stack).finish(fields, browser)
    if finished.problem:
        return finished
    return replace(finished, tool=await list_connected(stack, finished.tool, finished.connection))


async def list_connected(stack: Stack, tool: Tool, connection: ToolConnection) -> Tool:
    """Ask a server that was just signed in to what it offers. What is pinned already stays, until somebody accepts."""
    listing = await list_offered(tool, stack.settings, connection)
    return await stack.database.write(_listed, tool, listing, stack.now())


def describe_sign_in(
    connection: Connection, tool: Tool, body: SignInFields, settings: Settings, now: datetime
) -> ToolConnection:
    """Write what was said of how to sign in to a tool. Raises `NoKey` when there is a client and no key to seal it."""
    said = {"grant_type": body.grant_type, "issuer": body.issuer, "wanted_scopes": body.scopes}
    if body.client_id and not body.grant_type:
        said["grant_type"] = "authorization_code"
    fields = {name: value for name, value in said.items() if value}
    row = connections.ensure_connection(connection, tool.id, None, fields, now)
    if not body.client_id:
        return row
    information = {"client_id": body.client_id, "client_secret": body.client_secret, "issuer": body.issuer}
    given = {name: value for name, value in information.items() if value}
    keyring = Keyring.from_settings(settings)
    known = _known_client(keyring, row)
    if known and known.information.get("client_id") == body.client_id and body.issuer in (None, known.issuer):
        # A new secret of the same client, which goes on to refresh what it was granted.
        client = known.model_copy(update={"origin": "given", "information": {**known.information, **given}})
        connections.note(connection, row.id, {"sealed_client": seal_client(keyring, row.uuid, client)}, now)
    else:
        client = OAuthClient(issuer=body.issuer, origin="given", information=given)
        connections.expect_another_client(connection, row, seal_client(keyring, row.uuid, client), now)
    return connections.connection_by_id(connection, row.id) or row


def _known_client(keyring: Keyring, row: ToolConnection) -> OAuthClient | None:
    """The client of a connection, if it has one that can be read."""
    try:
        return open_client(keyring, row.uuid, row.sealed_client)
    except CannotOpen:
        return None


def _listed(connection: Connection, before: Tool, listing: ToolListing, now: datetime) -> Tool:
    tool = servers.tool_by_id(connection, before.id) or before
    require_same_server(tool, before)
    if tool.refreshed_at is None or listing.problem:
        return write_listing(connection, tool, listing, now)
    return servers.write_tool(connection, tool, {"last_error": None}, now)
