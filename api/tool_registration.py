"""Connecting a tool server: what may be written of it, and what it says when it is asked what it offers.

It is asked between transactions, never inside one, and what it said is written only if its row is what it was.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, cast
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import Connection

from api.schemas.tools import CreateTool, UpdateTool
from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer
from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.ids import new_id
from heartbeat.egress.addresses import AllowList, read_host
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey, open_headers, seal_headers
from heartbeat.settings import Settings
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tools import servers as store

# A caller is waiting, and those in front of it seldom wait longer than a minute.
PATIENCE_SECONDS = 20
MOST_DEFINITIONS = 500_000
USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class ToolListing:
    """What a server offers, or the problem in words."""

    found: list[DiscoveredTool] = field(default_factory=list)
    problem: str | None = None


def drafted(bot: Bot, given: CreateTool, settings: Settings) -> Tool:
    """The tool of `bot` that `given` describes, not stored yet. Raises `Invalid`."""
    refuse_closed(given.server_url, settings)
    uuid = new_id("tool")
    fields = {**given.fields(), **_kept(uuid, given.headers or {}, settings)}
    return Tool.model_construct(uuid=uuid, bot_id=bot.id, **fields)


def changes(given: UpdateTool, row: Tool, settings: Settings) -> dict[str, Any]:
    """The columns that `given` changes. Raises `Invalid`, also when headers would go where they were not given for."""
    fields = given.fields()
    if "server_url" in fields:
        refuse_closed(fields["server_url"], settings)
    if given.headers:
        return fields | _kept(row.uuid, given.headers, settings)
    if given.forgets_headers:
        return fields | _kept(row.uuid, {}, settings)
    if row.sealed_headers and _origin(fields.get("server_url", row.server_url)) != _origin(row.server_url):
        raise Invalid(
            "headers",
            "must be sent again with a server_url on another host, or as null to be forgotten: those that are kept "
            "were given for the old one",
        )
    return fields


def refuse_closed(url: str, settings: Settings) -> None:
    """Refuse an address that is literally a closed one. Raises `Invalid`; a name is judged when it is connected to."""
    host = urlsplit(url).hostname or ""
    if not host.isascii():
        return
    wanted, allowed = read_host(host), AllowList(settings.egress_allow)
    kind = allowed.refusal_of_name(wanted) if isinstance(wanted, str) else allowed.refusal(wanted)
    if kind:
        raise Invalid(
            "server_url",
            f"{host} is {kind}; only the public internet is open to tools, and what the operator lists in "
            "HEARTBEAT_EGRESS_ALLOW",
        )


async def ask(tool: Tool, settings: Settings) -> ToolListing:
    """What the server of `tool` offers now. However it fails, it fails in words that hold no secret."""
    # In a thread: loading the SDK for the first time takes half a second, in which others want their answers.
    await asyncio.to_thread(import_module, "heartbeat.agents.tools.mcp.client")
    from heartbeat.agents.tools.mcp.client import ToolServerDown, list_tools

    seconds = min(settings.tool_timeout_seconds, PATIENCE_SECONDS)
    try:
        server = _server(tool, settings)
        found = await list_tools(server, settings.model_copy(update={"tool_timeout_seconds": seconds}))
    except (ToolServerDown, CannotOpen) as problem:
        return ToolListing(problem=str(problem))
    size = sum(len(json.dumps([tool.name, tool.description, tool.schema, tool.annotations])) for tool in found)
    if size > MOST_DEFINITIONS:
        words = f"describes its tools in {size:,} characters; at most {MOST_DEFINITIONS:,} can be told to a model."
        return ToolListing(problem=f"The tool server {tool.server_label} {words}")
    return ToolListing(found)


def settle(connection: Connection, tool: Tool, asked: ToolListing, now: datetime) -> Tool:
    """Write down what came of asking: the definitions, or why there are none."""
    if asked.problem:
        return store.note_failure(connection, tool, asked.problem)
    return store.pin(connection, tool.id, asked.found, now)


def same_server(now: Tool, asked: Tool) -> None:
    """Raise `Conflict` when somebody has pointed the tool elsewhere since it was read to be asked."""
    if any(getattr(now, name) != getattr(asked, name) for name in ("server_url", "transport", "sealed_headers")):
        raise Conflict("tool_changed", "Somebody else changed this tool at the same time; read it, and try again.")


def changed_copy(tool: Tool, fields: Mapping[str, Any]) -> Tool:
    """The tool as it will be with `fields` written."""
    return Tool.model_construct(**{**tool.model_dump(), **fields})


def _kept(uuid: str, headers: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    """The columns that keep `headers`. Raises `Invalid` when there is no key to seal them with."""
    if not headers:
        return {"sealed_headers": None, "header_names": []}
    try:
        sealed = seal_headers(Keyring.from_settings(settings), uuid, headers)
    except NoKey as problem:
        raise Invalid("headers", problem.message, problem.code) from None
    return {"sealed_headers": sealed, "header_names": list(headers)}


def _server(tool: Tool, settings: Settings) -> McpServer:
    headers = open_headers(Keyring.from_settings(settings), tool.uuid, tool.sealed_headers)
    transport = cast(Literal["http", "sse"], tool.transport)
    return McpServer(tool.uuid, tool.server_label, transport, tool.server_url, headers)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts: SplitResult = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or USUAL_PORTS.get(parts.scheme)
