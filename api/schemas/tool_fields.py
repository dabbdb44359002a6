"""The fields that a tool server is described with."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from heartbeat.domain.field_types import Words
from heartbeat.domain.tool_risks import RISKS, Risk
from heartbeat.egress.addresses import read_host

MOST_TOOLS = 1_000
# What a training or a note of long ago leaves in the one body that the published Node client has for all its calls.
LEFT_BEHIND = {"text", "file", "webpage", "website", "note"}


def _address(given: str) -> str:
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in given):
        raise ValueError("must be an http or https address, such as https://tools.example.com/mcp")
    if parts.username is not None:
        raise ValueError("must not hold a name or password; send them in headers, which are kept encrypted")
    if parts.hostname and parts.hostname.isascii():
        read_host(parts.hostname)
    return given


def _transport(given: Any) -> Any:
    if given == "stdio":
        raise ValueError(
            "stdio servers run commands on this machine, so the operator alone can name them, in HEARTBEAT_STDIO_TOOLS"
        )
    return given


def _approval(given: Any) -> Any:
    if given in ("never", "always", "tool-specific"):
        return given
    names = given if isinstance(given, list) and len(given) <= MOST_TOOLS else [""]
    if not all(isinstance(name, str) and 0 < len(name) <= 255 for name in names):
        raise ValueError("must be never, always, tool-specific, or a list of the names of tools")
    return given


def _risks(given: Any) -> Any:
    if not isinstance(given, list) or not all(isinstance(risk, str) and risk in RISKS for risk in given):
        raise ValueError(f"must be a list of {', '.join(RISKS[:-1])} and {RISKS[-1]}, or of some of them")
    return [risk for risk in RISKS if risk in given]


def _kind(given: Any) -> Any:
    return "mcp" if isinstance(given, str) and given in LEFT_BEHIND else given


Label = Annotated[Words, Field(max_length=255)]
Address = Annotated[Words, Field(max_length=500), AfterValidator(_address)]
ToolName = Annotated[Words, Field(max_length=255)]
Transport = Annotated[Literal["http", "sse"], BeforeValidator(_transport)]
Kind = Annotated[Literal["mcp"], BeforeValidator(_kind)]
Risks = Annotated[
    list[Risk],
    BeforeValidator(_risks),
    Field(description="What the server's tools bring with them: private_data, untrusted_text, outside_action."),
]
Approval = Annotated[
    Literal["never", "always", "tool-specific"] | list[Words],
    BeforeValidator(_approval),
    Field(description="Which calls wait for a person's approval: never, always, or a list of the names of tools."),
]
