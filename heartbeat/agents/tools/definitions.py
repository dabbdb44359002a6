"""What a tool is to a run: how a model is offered it, where it is, and what a call came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, Self

from heartbeat.domain.tool_effects import ToolEffect
from heartbeat.settings import Settings

Outcome = Literal[
    "ok", "failed", "invalid_arguments", "down", "unknown", "changed", "refused", "rehearsed", "would_ask"
]


class AccessToken(Protocol):
    """What lets us into a server that somebody signed in to: `value` goes along with each request.

    It has another value in time: a token lives an hour, and a session may live longer.
    """

    value: str

    async def freshen(self) -> None:
        """Have another value if this one is about to expire. Raises `NotSignedIn` and `AuthorizationDown`."""

    async def replace(self, refused: str, wanted_scope: str | None) -> bool:
        """Have another value than the one that the server refused; false if there is none that it would take.

        `wanted_scope` is what the server says is missing, if that is why. Raises `NotSignedIn` and `AuthorizationDown`.
        """

    async def give_up(self) -> None:
        """Note that the server refuses a value that is new."""


@dataclass
class Answers:
    """How what a server asks in the middle of a call is answered: with no, unless `may_ask`.

    `approved` is the question that a person has said yes to, `question` one that a person is to be asked.
    """

    may_ask: bool = False
    approved: str | None = None
    question: str | None = None


@dataclass(frozen=True)
class McpServer:
    """An MCP server. For `stdio`, `command` is started by the worker; else `url` is spoken to with `headers`.

    `access` is the token of one that is signed in to: whichever it is, the server is the same. `unusable` says why it
    is not spoken to now, in words for the model; empty if it is. Of its calls, `timeout_seconds` and `result_bytes` go
    before those of the installation. `elicitation` is what becomes of what it asks in the middle of a call.
    """

    uuid: str
    label: str
    transport: Literal["http", "sse", "stdio"]
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    unusable: str = ""
    access: AccessToken | None = field(default=None, compare=False, repr=False)
    timeout_seconds: int | None = field(default=None, compare=False)
    result_bytes: int | None = field(default=None, compare=False)
    elicitation: Literal["decline", "approval"] = "decline"

    def limited(self, settings: Settings) -> Settings:
        """The settings with this server's own limits."""
        limits = {"tool_timeout_seconds": self.timeout_seconds, "tool_result_bytes": self.result_bytes}
        return settings.model_copy(update={name: limit for name, limit in limits.items() if limit is not None})


@dataclass(frozen=True)
class DiscoveredTool:
    """One tool as its server describes it now. `schema` is the JSON Schema of its arguments.

    `reads`: it is one of ours, which reads a resource or a prompt of the server.
    """

    name: str
    description: str
    schema: dict[str, Any]
    annotations: dict[str, Any]
    reads: Literal["resource", "prompt"] | None = None


@dataclass(frozen=True)
class OfferedTool:
    """One tool as a model is offered it: `name` is unique among those of a run, `on_server` its name on `server`.

    `idempotent`: it may be called again when nobody knows whether it was. `pinned` is its entry of `Tool.tools`, which
    it must still be when it is called; tools that are built in or the operator's own are not pinned. `argument_names`
    are those of `schema` that its server knows by another name. `acts`: it may change something, so a rehearsal only
    writes it down. `is_write`: its server says outright that it changes something. `risks` are what it declares
    (heartbeat/domain/tool_risks.py); `combined` names a tool for private data and one for untrusted text, if all three
    risks are among those of its run. `reads` is its entry's.
    """

    name: str
    description: str
    schema: dict[str, Any]
    server: McpServer | None = None
    on_server: str = ""
    pinned: Mapping[str, Any] | None = None
    argument_names: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = False
    needs_approval: bool = False
    acts: bool = True
    is_write: bool = False
    risks: frozenset[str] = frozenset()
    combined: tuple[str, str] | None = None
    reads: str | None = None


def gone_tool(name: str) -> OfferedTool:
    """A tool that an earlier run called and that is not there any more, for a replay: by its name alone."""
    return OfferedTool(name, "A tool of an earlier run.", {"type": "object", "properties": {}})


@dataclass(frozen=True)
class ToolResult:
    """What a call came to. `text` is for the model; `report` is what the built-in tool of that name was given.

    unknown: it may have happened. changed: it was not made, for the tool is no longer what was pinned; `discovered` is
    what it is now, `None` when it is gone. `effect` is what a built-in tool does to the store: it is carried out when
    the outcome is written, and says the text itself. `new_session`: it was the first call of a session in which its
    server may keep something. `question`: it was broken off, for its server asks that, and a person is to answer it.
    """

    outcome: Outcome
    text: str
    discovered: DiscoveredTool | None = None
    report: dict[str, Any] | None = None
    effect: ToolEffect | None = None
    new_session: bool = False
    question: str | None = None

    def in_new_session(self) -> Self:
        """The same, of a call that a session was opened for."""
        return replace(self, new_session=True)
