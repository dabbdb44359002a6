"""Sealing what signing in to tool servers leaves: clients, tokens, and the verifiers of those who are on their way."""

from typing import TypeVar

from pydantic import BaseModel

from heartbeat.domain.tool_connections import OAuthClient, OAuthTokens, SignInContext
from heartbeat.secrets.keyring import Keyring

M = TypeVar("M", bound=BaseModel)


def client_row(connection_uuid: str) -> str:
    """What our client at an authorization server is sealed with."""
    return f"tool_connection:{connection_uuid}:client"


def tokens_row(connection_uuid: str) -> str:
    """What the tokens of a connection are sealed with."""
    return f"tool_connection:{connection_uuid}:tokens"


def sign_in_row(sign_in_uuid: str) -> str:
    """What the verifier of a sign-in is sealed with."""
    return f"pending_sign_in:{sign_in_uuid}:context"


def seal_client(keyring: Keyring, connection_uuid: str, client: OAuthClient) -> str:
    """Seal a client for its connection. Raises `NoKey`."""
    return keyring.seal(client.model_dump_json(), client_row(connection_uuid))


def open_client(keyring: Keyring, connection_uuid: str, sealed: str | None) -> OAuthClient | None:
    """Open the client of a connection, if it has one. Raises `CannotOpen`."""
    return _open(keyring, OAuthClient, client_row(connection_uuid), sealed)


def seal_tokens(keyring: Keyring, connection_uuid: str, tokens: OAuthTokens) -> str:
    """Seal tokens for their connection. Raises `NoKey`."""
    return keyring.seal(tokens.model_dump_json(), tokens_row(connection_uuid))


def open_tokens(keyring: Keyring, connection_uuid: str, sealed: str | None) -> OAuthTokens | None:
    """Open the tokens of a connection, if it has any. Raises `CannotOpen`."""
    return _open(keyring, OAuthTokens, tokens_row(connection_uuid), sealed)


def seal_sign_in(keyring: Keyring, sign_in_uuid: str, context: SignInContext) -> str:
    """Seal what is remembered of a person on the way. Raises `NoKey`."""
    return keyring.seal(context.model_dump_json(), sign_in_row(sign_in_uuid))


def open_sign_in(keyring: Keyring, sign_in_uuid: str, sealed: str) -> SignInContext:
    """Open what is remembered of a person on the way. Raises `CannotOpen`."""
    return SignInContext.model_validate_json(keyring.open(sealed, sign_in_row(sign_in_uuid)))


def _open(keyring: Keyring, model: type[M], row: str, sealed: str | None) -> M | None:
    return None if sealed is None else model.model_validate_json(keyring.open(sealed, row))
