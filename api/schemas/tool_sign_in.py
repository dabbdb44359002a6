"""How a tool server is signed in to: fields of requests, and the connection as it is shown. No secret is answered."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AliasChoices, AliasPath, BeforeValidator, ConfigDict, Field, model_validator

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot, wrong_field
from api.schemas.tool_fields import Address
from heartbeat.domain.field_types import written_as
from heartbeat.domain.tool_connections import GrantType
from heartbeat.store.tables.tool_connections import ToolConnection

SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
PRINTABLE = re.compile(r"[\x20-\x7e]+")
MAX_SCOPES = 100
ISSUER = "https://auth.example.com"


def _scopes(value: Any) -> Any:
    scopes = value.split() if isinstance(value, str) else value
    if not isinstance(scopes, list) or len(scopes) > MAX_SCOPES:
        raise ValueError(f"must be a list of at most {MAX_SCOPES} scopes")
    if not all(isinstance(scope, str) and SCOPE.fullmatch(scope) for scope in scopes):
        raise ValueError("has a scope with characters that none can have, such as blanks")
    return scopes


def _printable(value: str) -> str:
    if not PRINTABLE.fullmatch(value):
        raise ValueError("must be printable ASCII characters")
    return value


def _named(name: str) -> AliasChoices:
    return AliasChoices(name, AliasPath("config", name))


Scopes = Annotated[
    list[Annotated[str, written_as(f"^{SCOPE.pattern}$")]],
    BeforeValidator(_scopes),
    Field(json_schema_extra={"maxItems": MAX_SCOPES}),
]
Printable = Annotated[str, Field(max_length=2_000), AfterValidator(_printable), written_as(f"^{PRINTABLE.pattern}$")]


# What belongs together, as clients read it; `_a_whole_client` says it in words.
A_CLIENT: dict[str, Any] = {"required": ["client_id"], "properties": {"client_id": {"type": "string", "minLength": 1}}}
NO_SECRET: dict[str, Any] = {"properties": {"client_secret": {"enum": [None, ""]}}}
NOT_ALONE: dict[str, Any] = {"properties": {"grant_type": {"not": {"const": "client_credentials"}}}}
A_SECRET: dict[str, Any] = {
    "required": ["client_secret"],
    "properties": {"client_secret": {"type": "string", "minLength": 1}},
}
A_WHOLE_CLIENT: list[Any] = [{"anyOf": [NO_SECRET, A_CLIENT]}, {"anyOf": [NOT_ALONE, {"allOf": [A_CLIENT, A_SECRET]}]}]


class SignInFields(OfBot):
    """What may be said of how to sign in; a server that is asked says the rest."""

    model_config = ConfigDict(json_schema_extra={"allOf": A_WHOLE_CLIENT})

    grant_type: GrantType | None = Field(
        None,
        validation_alias=_named("grant_type"),
        description="authorization_code: a person signs in. client_credentials: the client itself, and nobody has to.",
        examples=["authorization_code"],
    )
    client_id: Printable | None = Field(
        None,
        validation_alias=_named("client_id"),
        description="A client that was registered by hand at the authorization server.",
        examples=["heartbeat-1"],
    )
    client_secret: Printable | None = Field(
        None,
        validation_alias=_named("client_secret"),
        description="Its secret. It is kept encrypted and never answered.",
        examples=["s3cr3t"],
    )
    issuer: Address | None = Field(
        None,
        validation_alias=_named("issuer"),
        description="The authorization server that is meant. Naming one on another host allows it to be spoken to.",
        examples=[ISSUER],
    )
    scopes: Scopes | None = Field(
        None,
        validation_alias=_named("scopes"),
        description="What to ask for, in place of what the server itself asks for.",
        examples=[["tickets:read"]],
    )

    @model_validator(mode="after")
    def _a_whole_client(self) -> Self:
        if self.client_secret and not self.client_id:
            raise wrong_field("client_id", "is missing: a client_secret belongs to one")
        if self.grant_type == "client_credentials" and not (self.client_id and self.client_secret):
            raise wrong_field("client_secret", "client_credentials needs a client_id and its client_secret")
        return self

    @property
    def names_sign_in(self) -> bool:
        """Whether anything was said of how to sign in."""
        return any((self.grant_type, self.client_id, self.issuer, self.scopes))


class ConnectTool(SignInFields):
    member_id: Key | None = Field(
        None,
        description="The subscriber who is to sign in to a tool that is per_member: its id, or its number.",
        examples=[examples.MEMBER],
    )


class Connection(Answered):
    """What an authorization server lets a tool do."""

    state: str = Field(
        description="not_connected, connected, or needs_reconnect: a person has to sign in again.",
        examples=["connected"],
    )
    grant_type: str = Field(description="authorization_code or client_credentials.", examples=["authorization_code"])
    issuer: str | None = Field(description="The authorization server.", examples=[ISSUER])
    scopes: list[str] = Field(description="What was granted.", examples=[["tickets:read"]])
    expires_at: str | None = Field(
        description="When the access token ends; it is refreshed before that.", examples=[examples.NEXT]
    )
    connected_at: str | None = Field(description="When somebody last signed in.", examples=[examples.CREATED])
    refreshed_at: str | None = Field(
        description="When its access token was last refreshed.", examples=[examples.DUE, None]
    )
    last_error: str | None = Field(
        description="A stable word for what came in the way last, such as invalid_grant.", examples=[None]
    )


class MemberConnection(Connection):
    """The connection of one subscriber."""

    member_id: str = Field(description="The subscriber's id.", examples=[examples.MEMBER])


class MemberConnections(Answered):
    connections: list[MemberConnection] = Field(
        description="Those of subscribers who signed in, or were asked to.", examples=[[example(MemberConnection)]]
    )


def show_connection(connection: ToolConnection | None) -> dict[str, Any] | None:
    """The `Connection` of a row."""
    if connection is None:
        return None
    return {
        "state": connection.state,
        "grant_type": connection.grant_type,
        "issuer": connection.issuer,
        "scopes": connection.scopes,
        "expires_at": moment(connection.expires_at),
        "connected_at": moment(connection.connected_at),
        "refreshed_at": moment(connection.refreshed_at),
        "last_error": connection.last_error,
    }
