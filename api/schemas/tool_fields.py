"""The fields that a tool server is described with."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from heartbeat.domain.field_types import WHOLE, Words, written_as
from heartbeat.domain.tool_limits import MAX_RESULT_BYTES, MAX_TIMEOUT_SECONDS, MIN_RESULT_BYTES
from heartbeat.domain.tool_risks import RISKS, Risk
from heartbeat.domain.web_addresses import PATTERN, web_address
from heartbeat.egress.addresses import read_host

MAX_TOOLS = 1_000
# What a training or a note of long ago leaves in the one body that the published Node client has for all its calls.
LEFT_BEHIND = {"text", "file", "webpage", "website", "note"}


def _address(value: str) -> str:
    host = urlsplit(web_address(value, "https://tools.example.com/mcp")).hostname
    if host and host.isascii():
        read_host(host)
    return value


def _transport(value: Any) -> Any:
    if value == "stdio":
        raise ValueError(
            "stdio servers run commands on this machine, so the operator alone can name them, in HEARTBEAT_STDIO_TOOLS"
        )
    return value


def _approval(value: Any) -> Any:
    if value in ("never", "always", "tool-specific"):
        return value
    names = value if isinstance(value, list) and len(value) <= MAX_TOOLS else [""]
    if not all(isinstance(name, str) and 0 < len(name) <= 255 for name in names):
        raise ValueError("must be never, always, tool-specific, or a list of the names of tools")
    return value


def _risks(value: Any) -> Any:
    if not isinstance(value, list) or not all(isinstance(risk, str) and risk in RISKS for risk in value):
        raise ValueError(f"must be a list of {', '.join(RISKS[:-1])} and {RISKS[-1]}, or of some of them")
    return [risk for risk in RISKS if risk in value]


def _kind(value: Any) -> Any:
    return "mcp" if isinstance(value, str) and value in LEFT_BEHIND else value


RISK = "What the server's tools bring with them: private_data, untrusted_text, outside_action."
URL = "https://tools.example.com/mcp"
LABEL = "What it is called, unlike the bot's other servers; the model sees its tools as `label__tool`."
TRANSPORT = "http (streamable HTTP) or sse."
ON = "Whether its tools are offered to the model."
ACTIVE = "Whether the model may call it."
PER_MEMBER = "Whether each subscriber signs in to it, so that their heartbeats use what they themselves may do."
APPROVAL = "Which calls wait for a person's approval: never, always, or a list of the names of tools."

TIMEOUT = (
    "How many seconds a call of its tools may take, up to 600; null: as many as the installation says "
    "(HEARTBEAT_TOOL_TIMEOUT_SECONDS)."
)
RESULT_BYTES = (
    "How many bytes of a tool's answer the model reads, 1,024 to 1,000,000; null: as many as the installation says "
    "(HEARTBEAT_TOOL_RESULT_BYTES)."
)

ELICITATION = (
    "What becomes of a question that the server asks in the middle of a call: decline, or approval. With approval a "
    "person is asked, and the call is made anew after a yes."
)

Elicitation = Literal["decline", "approval"]
Timeout = Annotated[int, Field(ge=1, le=MAX_TIMEOUT_SECONDS), WHOLE]
ResultBytes = Annotated[int, Field(ge=MIN_RESULT_BYTES, le=MAX_RESULT_BYTES), WHOLE]
Label = Annotated[Words, Field(max_length=255)]
Address = Annotated[Words, Field(max_length=500), AfterValidator(_address), written_as(PATTERN)]
ToolName = Annotated[Words, Field(max_length=255)]
Transport = Annotated[Literal["http", "sse"], BeforeValidator(_transport)]
Kind = Annotated[Literal["mcp"], BeforeValidator(_kind)]
Risks = Annotated[
    list[Risk],
    BeforeValidator(_risks),
    Field(description=RISK, examples=[["private_data"]]),
]
Approval = Annotated[
    Literal["never", "always", "tool-specific"] | list[Words],
    BeforeValidator(_approval),
    Field(description=APPROVAL, examples=[["delete_contact"]]),
]
