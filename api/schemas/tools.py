"""Requests about tools (MCP servers), and the tool object.

A server may be named as the published reference does it (`server_label`, `server_url`, …) or as the published Node
client does (`name`, and the rest in `config`); where both are sent, the reference's names count.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, Field

from api.responses import moment
from api.schemas.fields import OfBot
from api.schemas.headers import Headers
from api.schemas.pages import PageNumber, Pagination, PerPage
from api.schemas.tool_fields import MOST_TOOLS, Address, Approval, Kind, Label, Risks, ToolName, Transport
from heartbeat.domain.field_types import Flag
from heartbeat.store.tables.bots import Tool

COLUMNS = ("server_label", "server_url", "transport", "risks", "is_enabled")


def _either(name: str, *elsewhere: str) -> AliasChoices:
    """A field of the reference, or what the Node client has in its `config`."""
    return AliasChoices(name, *(AliasPath("config", key) for key in elsewhere or (name,)))


NAMED, AT = AliasChoices("server_label", "name"), _either("server_url", "server_url", "url")


class _ToolFields(OfBot):
    def fields(self) -> dict[str, Any]:
        """The columns that were given, but for the headers."""
        given = {name: getattr(self, name, None) for name in COLUMNS}
        found = {name: value for name, value in given.items() if value is not None}
        approval = getattr(self, "require_approval", None)
        if isinstance(approval, list):
            return found | {"require_approval": "tool-specific" if approval else "never", "approval_tools": approval}
        if approval in ("never", "always"):
            return found | {"require_approval": approval, "approval_tools": []}
        return found | ({"require_approval": approval} if approval else {})


class CreateTool(_ToolFields):
    server_label: Label = Field(validation_alias=NAMED)
    server_url: Address = Field(validation_alias=AT)
    transport: Transport = Field("http", validation_alias=_either("transport"))
    require_approval: Approval = Field("never", validation_alias=_either("require_approval"))
    risks: Risks = Field(default_factory=list, validation_alias=_either("risks"))
    headers: Headers | None = Field(None, validation_alias=_either("headers"))
    type: Kind = "mcp"


class UpdateTool(_ToolFields):
    server_label: Label | None = Field(None, validation_alias=NAMED)
    server_url: Address | None = Field(None, validation_alias=AT)
    transport: Transport | None = Field(None, validation_alias=_either("transport"))
    require_approval: Approval | None = Field(None, validation_alias=_either("require_approval"))
    risks: Risks | None = Field(None, validation_alias=_either("risks"))
    headers: Headers | None = Field(
        None,
        validation_alias=_either("headers"),
        description="In place of those that are kept; null forgets them, and {} leaves them as they are.",
    )
    is_enabled: Flag | None = Field(None, validation_alias=_either("is_enabled"))

    @property
    def forgets_headers(self) -> bool:
        """Whether the headers that are kept are to go."""
        return "headers" in self.model_fields_set and self.headers is None


class Switch(BaseModel):
    name: ToolName
    is_active: Annotated[Flag, Field(validation_alias=AliasChoices("is_active", "active"))]


def _switches(given: Any) -> Any:
    """As the reference has it a list of `{name, is_active}`; the Node client's `settings` may be an object of names."""
    if not isinstance(given, dict):
        return given
    inner = given.get("tools")
    return inner if isinstance(inner, list) else [{"name": name, "is_active": on} for name, on in given.items()]


class ConfigureTools(OfBot):
    tools: Annotated[
        list[Switch],
        BeforeValidator(_switches),
        Field(max_length=MOST_TOOLS, validation_alias=AliasChoices("tools", "settings")),
    ]


class ToggleTool(OfBot):
    tool_name: ToolName
    # The published Node client calls it `active`.
    is_active: Annotated[Flag, Field(validation_alias=AliasChoices("is_active", "active"))]


class ToolFilter(BaseModel):
    server_label: Label | None = None
    transport: Literal["http", "sse"] | None = None
    require_approval: Literal["never", "always", "tool-specific"] | None = None
    is_enabled: Flag | None = None


def _filter(given: str) -> str:
    try:
        ToolFilter.model_validate(json.loads(given))
    except (ValueError, RecursionError):
        raise ValueError('must be a JSON object of values to match, such as {"is_enabled": true}') from None
    return given


class ListTools(OfBot):
    page: PageNumber = 1
    per_page: PerPage = 10
    filter: Annotated[str, AfterValidator(_filter)] | None = Field(
        None, description="A JSON object of server_label, transport, require_approval or is_enabled to match."
    )

    def equal(self) -> dict[str, Any]:
        """The columns the filter names, with the values they must have."""
        return {} if self.filter is None else ToolFilter.model_validate_json(self.filter).model_dump(exclude_none=True)


class ToolCount(BaseModel):
    difference: str = Field(description="From what was pinned to what the server says now, as a unified diff.")
    gone: bool = Field(description="Whether the server does not offer it any more.")
    seen_at: str


class ToolEntry(BaseModel):
    name: str
    description: str
    is_active: bool
    schema_: dict[str, Any] = Field(alias="schema", description="The JSON Schema of its arguments.")
    annotations: dict[str, Any] = Field(description="What its server says of it, such as readOnlyHint.")
    changed: ToolCount | None = Field(
        description="Why its use is paused: it is not what was pinned. Refresh to take it."
    )


class ToolObject(BaseModel):
    id: str
    server_label: str
    server_url: str
    transport: str
    require_approval: str
    approval_tools: list[str] = Field(description="With `tool-specific`: the tools whose calls need an approval.")
    risks: list[str] = Field(description="What its tools were declared to bring with them.")
    headers: dict[str, str] = Field(description="Always empty: they are never answered.")
    header_names: list[str] = Field(description="The names of the headers that are kept.")
    is_enabled: bool
    type: str
    tools: list[ToolEntry] = Field(description="What the server offered when it was last connected or refreshed.")
    last_error: str | None = Field(description="Why the server could not be asked the last time.")
    refreshed_at: str | None
    created_at: str
    updated_at: str


class OneTool(BaseModel):
    tool: ToolObject


class ListedTool(ToolObject):
    tool: ToolObject = Field(description="The same once more: as published, an entry of the list holds its tool.")


class AllTools(BaseModel):
    total: int
    tools: list[ListedTool]
    pagination: Pagination


class ToolTried(BaseModel):
    success: bool
    message: str
    tools_count: int


def show_tool(tool: Tool) -> dict[str, Any]:
    """A tool object, as published and a little more."""
    return {
        "id": tool.uuid,
        "server_label": tool.server_label,
        "server_url": tool.server_url,
        "transport": tool.transport,
        "require_approval": tool.require_approval,
        "approval_tools": tool.approval_tools,
        "risks": tool.risks,
        "headers": {},
        "header_names": tool.header_names,
        "is_enabled": tool.is_enabled,
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
        "changed": entry["changed"],
    }
