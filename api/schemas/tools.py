"""Requests about tools (MCP servers).

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

from api.schemas.examples import example
from api.schemas.fields import OfBot
from api.schemas.pages import PageNumber, PerPage
from api.schemas.tool_fields import (
    ACTIVE,
    APPROVAL,
    ELICITATION,
    LABEL,
    MAX_TOOLS,
    ON,
    PER_MEMBER,
    RESULT_BYTES,
    RISK,
    TIMEOUT,
    TRANSPORT,
    URL,
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
from api.schemas.tool_sign_in import SignInFields
from api.schemas.tool_template import TEMPLATE, TemplateName, may_come_from_template, or_of_template, with_template
from heartbeat.domain.field_types import Flag
from heartbeat.domain.headers import Headers

AUTHORIZATION = {"Authorization": "Bearer abc123"}
COLUMNS = ("server_label", "server_url", "transport", "risks", "is_enabled", "per_member", "elicitation")
LIMITS = ("timeout_seconds", "result_bytes")


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
ADDRESS = "An http or https address without a password. A query is kept encrypted and never answered."


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
