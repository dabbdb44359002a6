"""What Authlib's authorization server is to know and to do: its clients, its codes, its tokens and their rotation.

All of it is in memory and is touched by one thread.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge

# strict: a refresh token lives once, and using it again ends all that came from it. lenient: it lives until what
# followed it was used. never: it stays.
Rotation = Literal["strict", "lenient", "never"]
PERSON = "person"


@dataclass
class RegisteredClient(ClientMixin):
    """A client, as it was registered."""

    client_id: str
    client_secret: str
    metadata: dict[str, Any]

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return next(iter(self.metadata.get("redirect_uris", [])), None)

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.metadata.get("redirect_uris", [])

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.client_secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.metadata.get("token_endpoint_auth_method", "client_secret_basic")

    def check_response_type(self, response_type: str) -> bool:
        return response_type in self.metadata.get("response_types", ["code"])

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.metadata.get("grant_types", ["authorization_code"])


@dataclass
class IssuedCode:
    """An authorization code; `resource` is what its tokens are for."""

    code: str
    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None
    resource: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class IssuedToken:
    """An access token and its refresh token. `family`: one sign-in, with all tokens that followed from it."""

    access_token: str
    refresh_token: str | None
    client_id: str
    scope: str
    resource: str | None
    expires_at: float
    family: str
    parent: "IssuedToken | None" = None
    was_refreshed: bool = False

    def get_scope(self) -> str:
        return self.scope

    def check_client(self, client: RegisteredClient) -> bool:
        return self.client_id == client.client_id


@dataclass
class Register:
    """What the authorization server knows. `now` is its clock, `expires_in` the seconds an access token lives."""

    expires_in: int = 3600
    rotation: Rotation = "strict"
    now: Callable[[], float] = time.time
    clients: dict[str, RegisteredClient] = field(default_factory=dict)
    codes: dict[str, IssuedCode] = field(default_factory=dict)
    tokens: list[IssuedToken] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    refused_access_tokens: set[str] = field(default_factory=set)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Keep what was issued to a code, a refresh token or a client alone."""
        source = request.authorization_code or request.refresh_token
        parent = request.refresh_token
        self.tokens.append(
            IssuedToken(
                token["access_token"],
                token.get("refresh_token") or (parent.refresh_token if parent else None),
                request.client.client_id,
                token.get("scope", ""),
                source.resource if source else request.payload.data.get("resource"),
                self.now() + self.expires_in,
                parent.family if parent else str(uuid4()),
                parent,
            )
        )

    def valid_access(self, access_token: str) -> IssuedToken | None:
        """The token, if the resource server may let its bearer in."""
        token = next((one for one in self.tokens if one.access_token == access_token), None)
        if token is None or token.family in self.ended or access_token in self.refused_access_tokens:
            return None
        if token.expires_at <= self.now():
            return None
        self._settle(token)
        return token

    def refreshable(self, refresh_token: str) -> IssuedToken | None:
        """The token to refresh; the reuse of one that is over ends its family (RFC 9700, 4.14.2)."""
        token = next((one for one in reversed(self.tokens) if one.refresh_token == refresh_token), None)
        if token is None or token.family in self.ended:
            return None
        if token.was_refreshed:
            self.ended.add(token.family)
            return None
        self._settle(token)
        return token

    def rotate(self, token: IssuedToken) -> None:
        """End a refresh token that was used, as far as the rotation says so."""
        token.was_refreshed = self.rotation == "strict"

    def _settle(self, token: IssuedToken) -> None:
        """End the refresh token that this one followed: this one has worked."""
        if token.parent is not None and self.rotation == "lenient":
            token.parent.was_refreshed = True


def grant_types(register: Register) -> list[tuple[type, list[Any]]]:
    """The grants that the server offers, each with its extensions."""

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            challenge, method = data.get("code_challenge"), data.get("code_challenge_method")
            asked = (data.get("redirect_uri"), request.scope, challenge, method, data.get("resource"))
            register.codes[code] = IssuedCode(code, request.client.client_id, *asked)

        def query_authorization_code(self, code: str, client: RegisteredClient) -> IssuedCode | None:
            issued = register.codes.get(code)
            return issued if issued and issued.client_id == client.client_id else None

        def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
            del register.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: IssuedCode) -> str:
            return PERSON

    class RefreshGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["none", "client_secret_basic", "client_secret_post"]

        @property
        def INCLUDE_NEW_REFRESH_TOKEN(self) -> bool:  # noqa: N802 - Authlib's name
            return register.rotation != "never"

        def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken:
            token = register.refreshable(refresh_token)
            if token is None:
                raise InvalidGrantError
            return token

        def authenticate_user(self, refresh_token: IssuedToken) -> str:
            return PERSON

        def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
            register.rotate(refresh_token)

    class ClientGrant(grants.ClientCredentialsGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    return [(CodeGrant, [CodeChallenge(required=True)]), (RefreshGrant, []), (ClientGrant, [])]


def registration(register: Register) -> type[ClientRegistrationEndpoint]:
    """The endpoint for clients that register themselves."""

    class Registration(ClientRegistrationEndpoint):
        def authenticate_token(self, request: Any) -> str:
            return "anybody"

        def get_server_metadata(self) -> dict[str, Any]:
            return {}

        def save_client(self, client_info: dict[str, Any], client_metadata: dict[str, Any], request: Any) -> Any:
            client = RegisteredClient(client_info["client_id"], client_info["client_secret"], client_metadata)
            register.clients[client.client_id] = client
            return client

    return Registration
