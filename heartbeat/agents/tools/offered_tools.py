"""From the servers that are connected to the tools that a model is offered."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heartbeat.agents.tools.approval_reasons import combined_risks
from heartbeat.agents.tools.built_in.tools import BUILT_IN
from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp import stdio
from heartbeat.agents.tools.mcp.listing import Listing
from heartbeat.agents.tools.schemas import condition, offered_schema, with_offered_names
from heartbeat.domain.tool_names import MAX_NAME_LENGTH, distinct_name, plain_name
from heartbeat.domain.tool_risks import UNTRUSTED_TEXT, declared_risks
from heartbeat.settings import Settings


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


async def offer_tools(
    bot_uuid: str,
    servers: Sequence[ConnectedServer],
    settings: Settings,
    changed: Mapping[str, Listing] | None = None,
    has_read: str | None = None,
) -> list[OfferedTool]:
    """List every tool a bot's model may ask for, in the same order each time; the operator's own servers come last.

    `changed` is what servers offer now, by their uuid, that changed it in a session of the run: the operator's own
    are not pinned, and offered as they are. `has_read` is as for `define_tools`.
    """
    commands = stdio.servers(bot_uuid, settings)
    # Together: each starts a process the first time, which takes some of them seconds.
    listed = await asyncio.gather(*(stdio.entries(server, settings) for server in commands))
    own = [
        ConnectedServer(
            server,
            stdio.entries_of(changed[server.uuid].tools.values()) if changed and server.uuid in changed else entries,
            risks=settings.stdio_tools[server.label].risks,
        )
        for server, entries in zip(commands, listed, strict=True)
    ]
    return define_tools([*servers, *own], has_read)


def define_tools(servers: Sequence[ConnectedServer], has_read: str | None = None) -> list[OfferedTool]:
    """List the built-in tools and those of `servers`, without what is switched off or paused because it changed.

    `has_read` names where a text of others is from that the run was opened with.
    """
    # What is off or paused counts as well: its name must not come to mean another tool while a call of it waits.
    uses = Counter(plain_name(server.server.label, entry["name"]) for server in servers for entry in server.tools)
    usable = [
        _definition(server, entry, is_unique=uses[plain_name(server.server.label, entry["name"])] == 1)
        for server in servers
        for entry in server.tools
        if entry.get("is_active", True) and not entry.get("changed")
    ]
    opened_with = [(has_read, frozenset({UNTRUSTED_TEXT}))] if has_read else []
    combination = combined_risks([*opened_with, *_risks(servers)])
    return [replace(tool, combined=combination) for tool in (*BUILT_IN, *usable)]


def within_limit(tools: Sequence[OfferedTool], limit: int | None) -> Sequence[OfferedTool]:
    """The tools that may be offered, in their order: the built-in ones, and of each server as many as of any other.

    So a small server is offered whole, and the largest is cut.
    """
    if limit is None or len(tools) <= limit:
        return tools
    ranks: list[int] = []
    of_server: Counter[str] = Counter()
    for tool in tools:
        ranks.append(of_server[tool.server.uuid] if tool.server else -1)
        if tool.server:
            of_server[tool.server.uuid] += 1
    chosen = sorted(range(len(tools)), key=lambda place: ranks[place])[:limit]
    return [tools[place] for place in sorted(chosen)]


def _risks(servers: Sequence[ConnectedServer]) -> Iterator[tuple[str, frozenset[str]]]:
    """Pair tools with their risks, those of servers first, as they say more to a person.

    What is paused, or of a server that cannot be asked now, counts as well: the run may have called it before.
    """
    for server in servers:
        if not server.tools:
            yield server.server.label, frozenset(server.risks)
        for entry in server.tools:
            if entry.get("is_active", True):
                yield (
                    plain_name(server.server.label, entry["name"]),
                    declared_risks(server.risks, entry.get("annotations") or {}),
                )
    for tool in BUILT_IN:
        yield tool.name, tool.risks


def _definition(server: ConnectedServer, entry: dict[str, Any], is_unique: bool) -> OfferedTool:
    label, tool = server.server.label, entry["name"]
    is_short = len(plain_name(label, tool)) <= MAX_NAME_LENGTH
    annotations, schema = entry.get("annotations") or {}, entry.get("input_schema") or {}
    offered, argument_names = with_offered_names(offered_schema(schema))
    is_listed = not server.approval_tools or entry["name"] in server.approval_tools
    return OfferedTool(
        name=plain_name(label, tool) if is_unique and is_short else distinct_name(server.server.uuid, label, tool),
        description="\n".join(filter(None, (entry.get("description"), condition(schema)))),
        schema=offered,
        argument_names=argument_names,
        server=server.server,
        on_server=entry["name"],
        # The operator who changes a command of their own need not be asked whether it may change.
        pinned=None if server.server.transport == "stdio" else entry,
        idempotent=annotations.get("idempotentHint") is True or annotations.get("readOnlyHint") is True,
        needs_approval={"always": True, "never": False}.get(server.require_approval, is_listed),
        acts=annotations.get("readOnlyHint") is not True,
        is_write=annotations.get("readOnlyHint") is False,
        risks=declared_risks(server.risks, annotations),
        reads=entry.get("reads"),
    )
