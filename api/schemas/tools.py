"""Requests about tools (MCP servers), and the tool object."""

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BaseModel, Field

from api.answers import moment
from api.schemas.fields import Flag, OfBot, PlainObject, Words
from api.schemas.pages import PageNumber, Pagination, PerPage
from heartbeat.store.tables import Tool

COLUMNS = ("server_label", "server_url", "transport", "require_approval", "is_enabled")


def _address(given: str) -> str:
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in given):
        raise ValueError("must be an http or https address, such as https://tools.example.com/mcp")
    if parts.username or parts.password:
        raise ValueError("must not hold a password: secrets cannot be kept encrypted yet")
    return given


def _no_secrets(given: dict[str, Any]) -> dict[str, Any]:
    if given:
        raise ValueError("cannot be kept yet: they may hold secrets, and secrets are not encrypted here so far")
    return given


Label = Annotated[Words, Field(max_length=255)]
Address = Annotated[Words, Field(max_length=500), AfterValidator(_address)]
Headers = Annotated[PlainObject, AfterValidator(_no_secrets)]
Transport = Literal["http", "sse"]
Approval = Literal["never", "always", "tool-specific"]
ToolName = Annotated[Words, Field(max_length=255)]


class _ToolFields(OfBot):
    def fields(self) -> dict[str, Any]:
        """The columns that were given."""
        given = {name: getattr(self, name, None) for name in COLUMNS}
        return {name: value for name, value in given.items() if value is not None}


class CreateTool(_ToolFields):
    server_label: Label
    server_url: Address
    transport: Transport
    require_approval: Approval = "never"
    headers: Headers | None = Field(None, description="Refused unless empty: they cannot be kept encrypted yet.")
    type: Literal["mcp"] = "mcp"


class UpdateTool(_ToolFields):
    server_label: Label | None = None
    server_url: Address | None = None
    transport: Transport | None = None
    require_approval: Approval | None = None
    headers: Headers | None = None
    is_enabled: Flag | None = None


class Switch(BaseModel):
    name: ToolName
    is_active: Flag


class ConfigureTools(OfBot):
    tools: Annotated[list[Switch], Field(max_length=1000)]


class ToggleTool(OfBot):
    tool_name: ToolName
    # The published Node client calls it `active`.
    is_active: Annotated[Flag, Field(validation_alias=AliasChoices("is_active", "active"))]


class ToolFilter(BaseModel):
    server_label: Label | None = None
    transport: Transport | None = None
    require_approval: Approval | None = None
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


class ToolObject(BaseModel):
    id: str
    server_label: str
    server_url: str
    transport: str
    require_approval: str
    headers: dict[str, str]
    is_enabled: bool
    type: str
    tools: list[dict[str, Any]]
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


def show_tool(tool: Tool) -> dict[str, Any]:
    """A tool object, as published."""
    return {
        "id": tool.uuid,
        "server_label": tool.server_label,
        "server_url": tool.server_url,
        "transport": tool.transport,
        "require_approval": tool.require_approval,
        "headers": {},
        "is_enabled": tool.is_enabled,
        "type": "mcp",
        "tools": tool.tools,
        "created_at": moment(tool.created_at),
        "updated_at": moment(tool.updated_at),
    }
