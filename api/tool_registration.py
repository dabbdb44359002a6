"""Register a tool server: check what is written of it, and ask it what it offers.

The server is asked between transactions, never inside one, and its answer is stored only if its row has not changed.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from api.schemas.tools import CreateTool, UpdateTool
from heartbeat.agents.tools.definitions import DiscoveredTool
from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.headers import origin_of
from heartbeat.domain.ids import new_id
from heartbeat.domain.redaction import shown_address
from heartbeat.domain.tool_pins import canonical
from heartbeat.egress.addresses import AllowList, read_host
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey, seal_headers, seal_url
from heartbeat.settings import Settings
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools import servers as store
from heartbeat.store.tools.connections import forget_grants
from heartbeat.tool_servers.opening import open_server
from heartbeat.tool_servers.refreshing import Refresher

# A caller is waiting, and those in front of it seldom wait longer than a minute.
PATIENCE_SECONDS = 20
MAX_DEFINITIONS = 500_000


@dataclass(frozen=True)
class ToolListing:
    """The tools that a server offers, or the problem in words. `warning` names what of its tools cannot be used.

    `wants_sign_in`: the problem is that nobody has signed in.
    """

    tools: list[DiscoveredTool] = field(default_factory=list)
    problem: str | None = None
    warning: str | None = None
    wants_sign_in: bool = False


def new_tool(bot: Bot, body: CreateTool, settings: Settings) -> Tool:
    """Build the tool of `bot` that `body` describes; it is not stored yet. Raises `Invalid`."""
    require_open_address(body.server_url, settings)
    uuid = new_id("tool")
    fields = {**body.fields(), **_url_columns(uuid, body.server_url, settings)}
    fields |= _header_columns(uuid, body.headers or {}, settings)
    return Tool.model_construct(uuid=uuid, bot_id=bot.id, **fields)


def changes(body: UpdateTool, tool: Tool, settings: Settings) -> dict[str, Any]:
    """List the columns that `body` changes. Raises `Invalid`, also when kept headers would go to another host."""
    fields = body.fields()
    if fields.get("server_url") == shown_address(tool.server_url):
        # As it is shown: what is kept of it stays.
        del fields["server_url"]
    if "server_url" in fields:
        require_open_address(fields["server_url"], settings)
        fields |= _url_columns(tool.uuid, fields["server_url"], settings)
    if body.headers:
        return fields | _header_columns(tool.uuid, body.headers, settings)
    if body.forgets_headers:
        return fields | _header_columns(tool.uuid, {}, settings)
    if tool.sealed_headers and origin_of(fields.get("server_url", tool.server_url)) != origin_of(tool.server_url):
        raise Invalid(
            "headers",
            "must be sent again with a server_url on another host, or as null to be forgotten: those that are kept "
            "were given for the old one",
        )
    return fields


def require_open_address(url: str, settings: Settings, field: str = "server_url") -> None:
    """Raises `Invalid` for an address that is literally a closed one; a name is judged when it is connected to."""
    host = urlsplit(url).hostname or ""
    if not host.isascii():
        return
    try:
        address, allowed = read_host(host), AllowList(settings.egress_allow)
    except ValueError as problem:
        raise Invalid(field, str(problem)) from None
    kind = allowed.refusal_of_name(address) if isinstance(address, str) else allowed.refusal(address)
    if kind:
        raise Invalid(
            field,
            f"{host} is {kind}; only the public internet is open to tools, and what the operator lists in "
            "HEARTBEAT_EGRESS_ALLOW",
        )


async def list_offered(
    tool: Tool, settings: Settings, connection: ToolConnection | None = None, refresher: Refresher | None = None
) -> ToolListing:
    """Ask the server of `tool` what it offers now; a failure becomes words that hold no secret.

    `connection` is what it is let in with, if somebody signed in, with tokens that `refresher` renews.
    """
    # In a thread: loading the SDK for the first time takes half a second, in which others want their answers.
    await asyncio.to_thread(import_module, "heartbeat.agents.tools.mcp.client")
    from heartbeat.agents.tools.mcp.client import ToolServerDown, list_tools

    seconds = min(tool.timeout_seconds or settings.tool_timeout_seconds, PATIENCE_SECONDS)
    try:
        server = open_server(Keyring.from_settings(settings), tool, connection, refresher)
        listing = await list_tools(server, settings.model_copy(update={"tool_timeout_seconds": seconds}))
    except CannotOpen as problem:
        return ToolListing(problem=str(problem))
    except ToolServerDown as problem:
        has_own = any(name.lower() == "authorization" for name in tool.header_names)
        return ToolListing(problem=str(problem), wants_sign_in=problem.wants_sign_in and not has_own)
    tools = list(listing.tools.values())
    size = sum(len(json.dumps([one.name, one.description, one.schema, one.annotations])) for one in tools)
    if size > MAX_DEFINITIONS:
        words = f"describes its tools in {size:,} characters; at most {MAX_DEFINITIONS:,} can be told to a model."
        return ToolListing(problem=f"The tool server {tool.server_label} {words}")
    return ToolListing(tools, warning=listing.warning)


def create_tool(connection: Connection, access: Access, draft: Tool, listing: ToolListing, now: datetime) -> Tool:
    """Store a new tool, and what its server offers or why that is not known."""
    tool = store.create_tool(connection, access, draft.model_dump(exclude_unset=True), now)
    return write_listing(connection, tool, listing, now)


@dataclass(frozen=True)
class ToolUpdate:
    """The fields that are sent, the tool as it was then, and what its server offers if that was asked anew."""

    body: UpdateTool
    before: Tool
    listing: ToolListing | None


async def prepare_update(body: UpdateTool, before: Tool, settings: Settings) -> ToolUpdate:
    """Ask the server anew if it becomes another one by the change, or never answered. Raises `Invalid`."""
    after = changed_copy(before, changes(body, before, settings))
    moved = any(getattr(after, name) != getattr(before, name) for name in ("server_url", "sealed_url", "transport"))
    listing = await list_offered(after, settings) if moved or before.refreshed_at is None else None
    return ToolUpdate(body, before, listing)


def update_tool(connection: Connection, access: Access, update: ToolUpdate, settings: Settings, now: datetime) -> Tool:
    """Write the fields that were sent. Raises `Conflict` when the server that was asked is not its server any more."""
    tool = store.lock_tool(connection, access, update.before.uuid)
    if update.listing:
        require_same_server(tool, update.before)
    fields = changes(update.body, tool, settings)
    if "server_url" in fields or "authorization" in map(str.lower, update.body.headers or {}):
        # Tokens are for the server that they were granted for, and for no other; and nobody sends two of these.
        forget_grants(connection, tool.id)
    tool = store.write_tool(connection, tool, fields, now)
    return write_listing(connection, tool, update.listing, now) if update.listing else tool


def outcome(tool: Tool, listing: ToolListing) -> str:
    """Say in a sentence what came of asking a server."""
    return listing.problem or f"{tool.server_label} answers, and offers {offered(listing)}."


def offered(listing: ToolListing) -> str:
    return "1 tool" if len(listing.tools) == 1 else f"{len(listing.tools)} tools"


def fingerprint(listing: ToolListing) -> str:
    """Return what two listings have in common that offer the same, however their server writes it down."""
    tools = sorted((tool.name, canonical(tool)) for tool in listing.tools)
    return sha256(json.dumps(tools).encode()).hexdigest()


def write_listing(connection: Connection, tool: Tool, listing: ToolListing, now: datetime) -> Tool:
    """Store what a server offers, or why that is not known."""
    if listing.problem:
        return store.record_failure(connection, tool, listing.problem)
    return store.pin(connection, tool.id, listing.tools, now, listing.warning)


def accept_listing(connection: Connection, access: Access, before: Tool, listing: ToolListing, now: datetime) -> Tool:
    """Store what was listed of a server, unless it was pointed elsewhere meanwhile. Raises `Conflict`."""
    tool = store.lock_tool(connection, access, before.uuid)
    require_same_server(tool, before)
    return write_listing(connection, tool, listing, now)


def require_same_server(tool: Tool, before: Tool) -> None:
    """Raises `Conflict` when somebody has pointed the tool elsewhere since it was read `before` asking its server."""
    if any(
        getattr(tool, name) != getattr(before, name)
        for name in ("server_url", "sealed_url", "transport", "sealed_headers")
    ):
        raise Conflict("tool_changed", "Somebody else changed this tool at the same time; read it, and try again.")


def changed_copy(tool: Tool, fields: Mapping[str, Any]) -> Tool:
    """Copy the tool as it will be with `fields` written."""
    return Tool.model_construct(**{**tool.model_dump(), **fields})


def _url_columns(uuid: str, url: str, settings: Settings) -> dict[str, Any]:
    """Split an address into what may be shown and, if it has a query, the whole of it sealed. Raises `Invalid`."""
    shown = shown_address(url)
    if not urlsplit(url).query:
        return {"server_url": shown, "sealed_url": None}
    try:
        return {"server_url": shown, "sealed_url": seal_url(Keyring.from_settings(settings), uuid, url)}
    except NoKey as problem:
        raise Invalid("server_url", f"has a query, and {problem.message}", problem.code) from None


def _header_columns(uuid: str, headers: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """Seal `headers` into the columns that keep them. Raises `Invalid` when there is no key to seal them with."""
    if not headers:
        return {"sealed_headers": None, "header_names": []}
    try:
        sealed = seal_headers(Keyring.from_settings(settings), uuid, headers)
    except NoKey as problem:
        raise Invalid("headers", problem.message, problem.code) from None
    return {"sealed_headers": sealed, "header_names": list(headers)}
