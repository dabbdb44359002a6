"""The tool object: an MCP server as the API shows it, and what it offers."""

from typing import Any

from pydantic import Field

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.response_fields import CreatedAt, PaginationField, Succeeded, Total, UpdatedAt
from api.schemas.tool_fields import ACTIVE, ELICITATION, LABEL, ON, PER_MEMBER, RESULT_BYTES, TIMEOUT, TRANSPORT, URL
from api.schemas.tool_sign_in import Connection, show_connection
from heartbeat.domain.redaction import shown_address
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection


class PinDifference(Answered):
    """How a tool differs from what was pinned."""

    difference: str = Field(
        description="From what was pinned to what the server says now, as a unified diff.",
        examples=["-Delete a contact.\n+Delete a contact and all its notes.\n"],
    )
    gone: bool = Field(description="Whether the server does not offer it any more.", examples=[False])
    seen_at: str = Field(description="When a run found it.", examples=[examples.DUE])


class ToolEntry(Answered):
    """One tool of a server, as it was pinned when the server was connected or refreshed."""

    name: str = Field(description="The tool, as its server names it.", examples=["delete_contact"])
    description: str = Field(description="What its server says it does.", examples=["Delete a contact."])
    is_active: bool = Field(description=ACTIVE, examples=[True])
    schema_: dict[str, Any] = Field(
        alias="schema",
        description="The JSON Schema of its arguments.",
        examples=[{"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}],
    )
    annotations: dict[str, Any] = Field(
        description="What its server says of it, such as readOnlyHint.", examples=[{"destructiveHint": True}]
    )
    reads: str | None = Field(
        description="null for a tool of its server; resource or prompt for one of ours, which reads what the server "
        "has beside its tools.",
        examples=[None, "resource"],
    )
    changed: PinDifference | None = Field(
        description="Why its use is paused: it is not what was pinned. Refresh to take it.",
        examples=[None, example(PinDifference)],
    )


class ToolObject(Answered):
    """An MCP server that a bot is connected to, and what it offers."""

    id: str = Field(description="The tool's id.", examples=[examples.TOOL])
    server_label: str = Field(description=LABEL, examples=["crm"])
    server_url: str = Field(description="The server's address, without its query.", examples=[URL])
    has_query: bool = Field(
        description="Whether the address has a query, which is kept encrypted and never answered.", examples=[False]
    )
    transport: str = Field(description=TRANSPORT, examples=["http"])
    require_approval: str = Field(
        description="Which calls wait for a person's approval: never, always or tool-specific.",
        examples=["tool-specific"],
    )
    approval_tools: list[str] = Field(
        description="With `tool-specific`: the tools whose calls need an approval.", examples=[["delete_contact"]]
    )
    risks: list[str] = Field(
        description="What its tools were declared to bring with them.", examples=[["private_data"]]
    )
    headers: dict[str, str] = Field(description="Always empty: they are never answered.", examples=[{}])
    header_names: list[str] = Field(description="The names of the headers that are kept.", examples=[["Authorization"]])
    is_enabled: bool = Field(description=ON, examples=[True])
    timeout_seconds: int | None = Field(description=TIMEOUT, examples=[None, 30])
    result_bytes: int | None = Field(description=RESULT_BYTES, examples=[None, 20_000])
    elicitation: str = Field(description=ELICITATION, examples=["decline"])
    per_member: bool = Field(description=PER_MEMBER, examples=[False])
    connection: Connection | None = Field(
        description="What was granted by signing in; null for a server that nobody has to sign in to.",
        examples=[None, example(Connection)],
    )
    type: str = Field(description="Always mcp.", examples=["mcp"])
    tools: list[ToolEntry] = Field(
        description="What the server offered when it was last connected or refreshed.",
        examples=[[example(ToolEntry)]],
    )
    last_error: str | None = Field(
        description="Why the server could not be asked the last time, or which of its tools cannot be used and why.",
        examples=[None, "It did not answer within 20 seconds."],
    )
    refreshed_at: str | None = Field(
        description="When it was last asked what it offers; null: never with success.", examples=[examples.CREATED]
    )
    created_at: CreatedAt
    updated_at: UpdatedAt


class OneTool(Answered):
    tool: ToolObject = Field(description="The tool.", examples=[example(ToolObject)])


class ToolToConnect(OneTool):
    authorize_url: str | None = Field(
        description="Where a person signs in to the server, within an hour; null if nobody has to.",
        examples=[None, "https://auth.example.com/authorize?response_type=code&state=…"],
    )


class ListedTool(ToolObject):
    tool: ToolObject = Field(
        description="The same once more: as published, an entry of the list holds its tool.",
        examples=[example(ToolObject)],
    )


class AllTools(Answered):
    total: Total
    tools: list[ListedTool] = Field(description="The page's tools, oldest first.", examples=[[example(ListedTool)]])
    pagination: PaginationField


class ToolTried(Answered):
    success: Succeeded
    message: str = Field(description="What came of it, in a sentence.", examples=["crm answers, and offers 1 tool."])
    tools_count: int = Field(description="How many tools it offers.", examples=[1])


def show_tool(tool: Tool, connection: ToolConnection | None = None) -> dict[str, Any]:
    """The `ToolObject` of a row and of the bot's own connection."""
    return {
        "id": tool.uuid,
        "server_label": tool.server_label,
        "server_url": shown_address(tool.server_url),
        "has_query": tool.sealed_url is not None or "?" in tool.server_url,
        "transport": tool.transport,
        "require_approval": tool.require_approval,
        "approval_tools": tool.approval_tools,
        "risks": tool.risks,
        "headers": {},
        "header_names": tool.header_names,
        "is_enabled": tool.is_enabled,
        "timeout_seconds": tool.timeout_seconds,
        "result_bytes": tool.result_bytes,
        "elicitation": tool.elicitation,
        "per_member": tool.per_member,
        "connection": show_connection(connection),
        "type": "mcp",
        "tools": [_entry(entry) for entry in tool.tools],
        "last_error": tool.last_error,
        "refreshed_at": moment(tool.refreshed_at),
        "created_at": moment(tool.created_at),
        "updated_at": moment(tool.updated_at),
    }


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": entry["name"],
        "description": entry["description"],
        "is_active": entry["is_active"],
        "schema": entry["input_schema"],
        "annotations": entry["annotations"],
        "reads": entry.get("reads"),
        "changed": entry["changed"],
    }
