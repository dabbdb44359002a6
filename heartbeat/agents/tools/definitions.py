"""What a tool is to a run: how a model is offered it, where it is, and what a call came to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from heartbeat.domain.tool_effects import ToolEffect

Outcome = Literal["ok", "failed", "down", "unknown", "changed", "refused", "rehearsed", "would_ask"]


@dataclass(frozen=True)
class McpServer:
    """An MCP server. For `stdio`, `command` is started by the worker; else `url` is spoken to with `headers`."""

    uuid: str
    label: str
    transport: Literal["http", "sse", "stdio"]
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DiscoveredTool:
    """One tool as its server describes it now. `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]
    annotations: dict[str, Any]

    @property
    def hash(self) -> str:
        """What it is pinned by: any change of it is a change of what the model reads."""
        definition = json.dumps([self.name, self.description, self.schema, self.annotations], sort_keys=True)
        return sha256(definition.encode()).hexdigest()


@dataclass(frozen=True)
class OfferedTool:
    """One tool as a model is offered it: `name` is unique among those of a run, `on_server` its name on `server`.

    `idempotent`: it may be called again when nobody knows whether it was. `hash` is that of the pinned
    `DiscoveredTool`; a built-in tool has neither server nor hash. `acts`: it may change something, so a rehearsal
    only writes it down. `risks` are what it declares (heartbeat/domain/tool_risks.py); `combined` names a tool for
    private data and one for untrusted text, if all three risks are among the tools of its run.
    """

    name: str
    description: str
    schema: dict[str, Any]
    server: McpServer | None = None
    on_server: str = ""
    hash: str = ""
    idempotent: bool = False
    needs_approval: bool = False
    acts: bool = True
    risks: frozenset[str] = frozenset()
    combined: tuple[str, str] | None = None


@dataclass(frozen=True)
class ToolResult:
    """What a call came to. `text` is for the model; `report` is what the built-in tool of that name was given.

    unknown: it may have happened. changed: it was not made, for the tool is no longer what was pinned; `discovered` is
    what it is now, `None` when it is gone. `effect` is what a built-in tool does to the store: it is carried out when
    the outcome is written, and says the text itself.
    """

    outcome: Outcome
    text: str
    discovered: DiscoveredTool | None = None
    report: dict[str, Any] | None = None
    effect: ToolEffect | None = None
