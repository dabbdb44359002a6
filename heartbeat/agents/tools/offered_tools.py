"""From the servers that are connected to the tools that a model is offered."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from heartbeat.agents.tools.approval_reasons import combined_risks
from heartbeat.agents.tools.built_in.tools import BUILT_IN
from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp import stdio
from heartbeat.domain.tool_risks import declared_risks
from heartbeat.settings import Settings

MAX_NAME_LENGTH = 64
ANY_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class ConnectedServer:
    """A server and its tools as they were pinned (`Tool.tools`).

    `approval_tools` are those that need a person's yes, all if there are none; `require_approval` `always` or `never`
    goes for all as well. `risks` as registered.
    """

    server: McpServer
    tools: Sequence[dict[str, Any]]
    require_approval: str = "never"
    approval_tools: Sequence[str] = ()
    risks: Sequence[str] = ()


async def offer_tools(bot_uuid: str, servers: Sequence[ConnectedServer], settings: Settings) -> list[OfferedTool]:
    """List every tool a bot's model may ask for, in the same order each time; the operator's own servers come last."""
    own = [
        ConnectedServer(server, await stdio.entries(server, settings), risks=settings.stdio_tools[server.label].risks)
        for server in stdio.servers(bot_uuid, settings)
    ]
    return define_tools([*servers, *own])


def define_tools(servers: Sequence[ConnectedServer]) -> list[OfferedTool]:
    """List the built-in tools and those of `servers`, without what is switched off or paused because it changed."""
    # What is off or paused counts as well: its name must not come to mean another tool while a call of it waits.
    uses = Counter(_plain_name(server, entry) for server in servers for entry in server.tools)
    usable = [
        _definition(server, entry, is_unique=uses[_plain_name(server, entry)] == 1)
        for server in servers
        for entry in server.tools
        if entry.get("is_active", True) and not entry.get("changed")
    ]
    combination = combined_risks(_risks(servers))
    return [replace(tool, combined=combination) for tool in (*BUILT_IN, *usable)]


def _risks(servers: Sequence[ConnectedServer]) -> Iterator[tuple[str, frozenset[str]]]:
    """Pair tools with their risks, those of servers first, as they say more to a person.

    What is paused, or of a server that cannot be asked now, counts as well: the run may have called it before.
    """
    for server in servers:
        if not server.tools:
            yield server.server.label, frozenset(server.risks)
        for entry in server.tools:
            if entry.get("is_active", True):
                yield _plain_name(server, entry), declared_risks(server.risks, entry.get("annotations") or {})
    for tool in BUILT_IN:
        yield tool.name, tool.risks


def _plain_name(server: ConnectedServer, entry: dict[str, Any]) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{server.server.label}__{entry['name']}")
    # A name that begins with a digit or a dash is refused by some providers.
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def _distinct_name(server: ConnectedServer, entry: dict[str, Any]) -> str:
    """Tell a name apart by its server's id, not by its place in a list: it never comes to mean another tool."""
    mark = sha256(f"{server.server.uuid} {entry['name']}".encode()).hexdigest()[:8]
    return f"{_plain_name(server, entry)[: MAX_NAME_LENGTH - len(mark) - 1]}_{mark}"


def _definition(server: ConnectedServer, entry: dict[str, Any], is_unique: bool) -> OfferedTool:
    name = _plain_name(server, entry)
    annotations = entry.get("annotations") or {}
    is_listed = not server.approval_tools or entry["name"] in server.approval_tools
    return OfferedTool(
        name=name if is_unique and len(name) <= MAX_NAME_LENGTH else _distinct_name(server, entry),
        description=entry.get("description") or "",
        schema={**ANY_ARGUMENTS, **(entry.get("input_schema") or {})},
        server=server.server,
        on_server=entry["name"],
        hash=entry.get("hash") or "",
        idempotent=annotations.get("idempotentHint") is True or annotations.get("readOnlyHint") is True,
        needs_approval={"always": True, "never": False}.get(server.require_approval, is_listed),
        acts=annotations.get("readOnlyHint") is not True,
        risks=declared_risks(server.risks, annotations),
    )
