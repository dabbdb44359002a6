"""Requests about tools (MCP servers), and the tool object.

A server may be named as the published reference does it (`server_label`, `server_url`, …) or as the published Node
client does (`name`, and the rest in `config`); where both are sent, the reference's names count.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from api.responses import moment
from api.schemas import examples
from api.schemas.examples import example
from api.schemas.fields import OfBot
from api.schemas.headers import Headers
from api.schemas.pages import PageNumber, PerPage
from api.schemas.response_fields import CreatedAt, PaginationField, Succeeded, Total, UpdatedAt
from api.schemas.tool_fields import (
    APPROVAL,
    ELICITATION,
    MAX_TOOLS,
    RESULT_BYTES,
    RISK,
    TIMEOUT,
    Address,
    Approval,
    Elicitation,
    Kind,
    Label,
    ResultBytes,
    Risks,
    Timeout,
    ToolName,
    Transport,
)
from api.schemas.tool_sign_in import Connection, SignInFields, show_connection
from api.schemas.tool_template import TEMPLATE, TemplateName, may_come_from_template, or_of_template, with_template
from heartbeat.domain.field_types import Flag
from heartbeat.domain.redaction import shown_address
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.tool_connections import ToolConnection

URL = "https://tools.example.com/mcp"
AUTHORIZATION = {"Authorization": "Bearer abc123"}
ACTIVE = "Whether the model may call it."
COLUMNS = ("server_label", "server_url", "transport", "risks", "is_enabled", "per_member", "elicitation")
LIMITS = ("timeout_seconds", "result_bytes")
PER_MEMBER = "Whether each subscriber signs in to it, so that their heartbeats use what they themselves may do."


def _either(name: str, *elsewhere: str) -> AliasChoices:
    """A field of the reference, or what the Node client has in its `config`."""
    return AliasChoices(name, *(AliasPath("config", key) for key in elsewhere or (name,)))


NAMED, AT = AliasChoices("server_label", "name"), _either("server_url", "server_url", "url")


class _ToolFields(OfBot):
    timeout_seconds: Timeout | None = Field(
        None, validation_alias=_either("timeout_seconds"), description=TIMEOUT, examples=[30]
    )
    result_bytes: ResultBytes | None = Field(
        None, validation_alias=_either("result_bytes"), description=RESULT_BYTES, examples=[20_000]
    )

    elicitation: Elicitation | None = Field(
        None, validation_alias=_either("elicitation"), description=ELICITATION, examples=["approval"]
    )

    def fields(self) -> dict[str, Any]:
        """The columns that were sent, but for the headers."""
        values = {name: getattr(self, name, None) for name in COLUMNS}
        columns = {name: value for name, value in values.items() if value is not None}
        columns |= {name: getattr(self, name) for name in LIMITS if name in self.model_fields_set}
        approval = getattr(self, "require_approval", None)
        if isinstance(approval, list):
            return columns | {"require_approval": "tool-specific" if approval else "never", "approval_tools": approval}
        if approval in ("never", "always"):
            return columns | {"require_approval": approval, "approval_tools": []}
        return columns | ({"require_approval": approval} if approval else {})


HEADERS = "Sent with every request to the server. They are kept encrypted and never answered."
LABEL = "What it is called, unlike the bot's other servers; the model sees its tools as `label__tool`."
ADDRESS = "An http or https address without a password. A query is kept encrypted and never answered."
TRANSPORT = "http (streamable HTTP) or sse."
ON = "Whether its tools are offered to the model."


class CreateTool(_ToolFields, SignInFields):
    model_config = ConfigDict(json_schema_extra=may_come_from_template)

    template: TemplateName | None = Field(None, description=TEMPLATE, examples=["linear"])
    server_label: Label = Field(
        validation_alias=or_of_template(NAMED, "server_label"), description=LABEL, examples=["crm"]
    )
    server_url: Address = Field(validation_alias=or_of_template(AT, "server_url"), description=ADDRESS, examples=[URL])
    transport: Transport = Field(
        "http",
        validation_alias=or_of_template(_either("transport"), "transport"),
        description=TRANSPORT,
        examples=["http"],
    )
    require_approval: Approval = Field("never", validation_alias=_either("require_approval"))
    risks: Risks = Field(default_factory=list, validation_alias=or_of_template(_either("risks"), "risks"))
    headers: Headers | None = Field(
        None, validation_alias=_either("headers"), description=HEADERS, examples=[AUTHORIZATION]
    )
    per_member: Flag = Field(False, validation_alias=_either("per_member"), description=PER_MEMBER, examples=[False])
    type: Kind = Field("mcp", description="Always mcp.", examples=["mcp"])

    @model_validator(mode="before")
    @classmethod
    def _begin_with_template(cls, body: Any) -> Any:
        return with_template(body)


class UpdateTool(_ToolFields):
    server_label: Label | None = Field(None, validation_alias=NAMED, description=LABEL, examples=["crm"])
    server_url: Address | None = Field(None, validation_alias=AT, description=ADDRESS, examples=[URL])
    transport: Transport | None = Field(
        None, validation_alias=_either("transport"), description=TRANSPORT, examples=["http"]
    )
    require_approval: Approval | None = Field(
        None, validation_alias=_either("require_approval"), description=APPROVAL, examples=[["delete_contact"]]
    )
    risks: Risks | None = Field(None, validation_alias=_either("risks"), description=RISK, examples=[["private_data"]])
    headers: Headers | None = Field(
        None,
        validation_alias=_either("headers"),
        description="In place of those that are kept; null forgets them, and {} leaves them as they are.",
        examples=[AUTHORIZATION],
    )
    is_enabled: Flag | None = Field(None, validation_alias=_either("is_enabled"), description=ON, examples=[True])

    @property
    def forgets_headers(self) -> bool:
        """Whether the headers that are kept are to go."""
        return "headers" in self.model_fields_set and self.headers is None


class Switch(BaseModel):
    """Whether one of a server's tools is used."""

    name: ToolName = Field(description="The tool, as its server names it.", examples=["delete_contact"])
    is_active: Flag = Field(validation_alias=AliasChoices("is_active", "active"), description=ACTIVE, examples=[False])


def _switches(value: Any) -> Any:
    """As the reference has it a list of `{name, is_active}`; the Node client's `settings` may be an object of names."""
    if not isinstance(value, dict):
        return value
    inner = value.get("tools")
    return inner if isinstance(inner, list) else [{"name": name, "is_active": on} for name, on in value.items()]


class ConfigureTools(OfBot):
    tools: Annotated[list[Switch], BeforeValidator(_switches), Field(max_length=MAX_TOOLS)] = Field(
        validation_alias=AliasChoices("tools", "settings"),
        description="The tools to switch; the others stay as they are.",
        examples=[[example(Switch)]],
    )


class ToggleTool(OfBot):
    tool_name: ToolName = Field(description="The tool, as its server names it.", examples=["delete_contact"])
    # The published Node client calls it `active`.
    is_active: Flag = Field(validation_alias=AliasChoices("is_active", "active"), description=ACTIVE, examples=[False])


class ToolFilter(BaseModel):
    server_label: Label | None = None
    transport: Literal["http", "sse"] | None = None
    require_approval: Literal["never", "always", "tool-specific"] | None = None
    is_enabled: Flag | None = None


def _filter(text: str) -> str:
    try:
        ToolFilter.model_validate(json.loads(text))
    except (ValueError, RecursionError):
        raise ValueError('must be a JSON object of values to match, such as {"is_enabled": true}') from None
    return text


class ListTools(OfBot):
    page: PageNumber = 1
    per_page: PerPage = 10
    filter: Annotated[str, AfterValidator(_filter)] | None = Field(
        None,
        description="A JSON object of server_label, transport, require_approval or is_enabled to match.",
        examples=['{"is_enabled": true}'],
    )

    def equal(self) -> dict[str, Any]:
        """The columns the filter names, with the values they must have."""
        return {} if self.filter is None else ToolFilter.model_validate_json(self.filter).model_dump(exclude_none=True)


class ToolCount(BaseModel):
    """How a tool differs from what was pinned."""

    difference: str = Field(
        description="From what was pinned to what the server says now, as a unified diff.",
        examples=["-Delete a contact.\n+Delete a contact and all its notes.\n"],
    )
    gone: bool = Field(description="Whether the server does not offer it any more.", examples=[False])
    seen_at: str = Field(description="When a run found it.", examples=[examples.DUE])


class ToolEntry(BaseModel):
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
    changed: ToolCount | None = Field(
        description="Why its use is paused: it is not what was pinned. Refresh to take it.",
        examples=[None, example(ToolCount)],
    )


class ToolObject(BaseModel):
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


class OneTool(BaseModel):
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


class AllTools(BaseModel):
    total: Total
    tools: list[ListedTool] = Field(description="The page's tools, oldest first.", examples=[[example(ListedTool)]])
    pagination: PaginationField


class ToolTried(BaseModel):
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
