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
    """A server and its tools as they were pinned (`Tool.tools`). `approval_tools` are those that need a person's yes,
    all if there are none; `require_approval` `always` or `never` goes for all as well. `risks` as registered."""

    server: McpServer
    tools: Sequence[dict[str, Any]]
    require_approval: str = "never"
    approval_tools: Sequence[str] = ()
    risks: Sequence[str] = ()


async def offered(bot_uuid: str, connected: Sequence[ConnectedServer], settings: Settings) -> list[OfferedTool]:
    """Every tool a bot's model may ask for, in the same order each time; the operator's own servers come last."""
    own = [
        ConnectedServer(server, await stdio.entries(server, settings), risks=settings.stdio_tools[server.label].risks)
        for server in stdio.servers(bot_uuid, settings)
    ]
    return offered_tools_of([*connected, *own])


def offered_tools_of(connected: Sequence[ConnectedServer]) -> list[OfferedTool]:
    """The built-in tools and those of `connected`, without what is switched off or paused because it changed."""
    usable = [
        (one, entry)
        for one in connected
        for entry in one.tools
        if entry.get("is_active", True) and not entry.get("changed")
    ]
    plain = [_plain_name(one.server.label, entry["name"]) for one, entry in usable]
    # What is off or paused counts as well: its name must not come to mean another tool while a call of it waits.
    times = Counter(_plain_name(one.server.label, entry["name"]) for one in connected for entry in one.tools)
    both = combined_risks(_risks(connected))
    defined = [
        *BUILT_IN,
        *(
            _definition(
                one, entry, name if times[name] == 1 and len(name) <= MAX_NAME_LENGTH else _apart(name, one, entry)
            )
            for (one, entry), name in zip(usable, plain, strict=True)
        ),
    ]
    return [replace(tool, combined=both) for tool in defined] if both else defined


def _risks(connected: Sequence[ConnectedServer]) -> Iterator[tuple[str, frozenset[str]]]:
    """Tools with their risks, those of servers first, as they say more to a person.

    What is paused, or of a server that cannot be asked now, counts as well: the run may have called it before.
    """
    for one in connected:
        if not one.tools:
            yield one.server.label, frozenset(one.risks)
        for entry in one.tools:
            if entry.get("is_active", True):
                risks = declared_risks(one.risks, entry.get("annotations") or {})
                yield _plain_name(one.server.label, entry["name"]), risks
    for tool in BUILT_IN:
        yield tool.name, tool.risks


def _plain_name(label: str, tool: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{label}__{tool}")
    # A name that begins with a digit or a dash is refused by some providers.
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def _apart(name: str, one: ConnectedServer, entry: dict[str, Any]) -> str:
    """Told apart by where it is, not by its place in a row: a name never comes to mean another tool."""
    mark = sha256(f"{one.server.uuid} {entry['name']}".encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME_LENGTH - len(mark) - 1]}_{mark}"


def _definition(one: ConnectedServer, entry: dict[str, Any], name: str) -> OfferedTool:
    notes = entry.get("annotations") or {}
    named = not one.approval_tools or entry["name"] in one.approval_tools
    asks_for = {"always": True, "never": False}.get(one.require_approval, named)
    return OfferedTool(
        name=name,
        description=entry.get("description") or "",
        schema={**ANY_ARGUMENTS, **(entry.get("input_schema") or {})},
        server=one.server,
        on_server=entry["name"],
        hash=entry.get("hash") or "",
        idempotent=notes.get("idempotentHint") is True or notes.get("readOnlyHint") is True,
        needs_approval=asks_for,
        acts=notes.get("readOnlyHint") is not True,
        risks=declared_risks(one.risks, notes),
    )
