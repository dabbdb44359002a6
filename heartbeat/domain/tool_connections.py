"""What signing in to a tool server leaves: our client at its authorization server, and the tokens that it granted."""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

GrantType = Literal["authorization_code", "client_credentials"]
ClientOrigin = Literal["given", "metadata_document", "registered"]

NOT_CONNECTED, CONNECTED, NEEDS_RECONNECT = "not_connected", "connected", "needs_reconnect"


# A code of `last_error` and of the event: what was granted works, but not for everything.
INSUFFICIENT_SCOPE = "insufficient_scope"
# A token is asked for anew so long before it expires: time for its authorization server to come back.
REFRESH_EARLY = timedelta(minutes=10)


def refresh_time(expires_at: datetime | None, now: datetime) -> datetime | None:
    """When to have another token for one granted at `now`: with a quarter of its life left, 10 minutes at the most."""
    if expires_at is None:
        return None
    return expires_at - min(REFRESH_EARLY, (expires_at - now) / 4)


class OAuthClient(BaseModel):
    """Our client at an authorization server.

    `resource` is what tokens are asked for (RFC 8707). `metadata` is the server's own (RFC 8414), empty until it was
    read; `information` what RFC 7591 says of a client, its id and secret among it.
    """

    model_config = ConfigDict(frozen=True)

    issuer: str | None = None
    resource: str = ""
    origin: ClientOrigin
    information: dict[str, Any] = Field(repr=False)
    metadata: dict[str, Any] = Field(default_factory=dict)


class OAuthTokens(BaseModel):
    """What was granted. The refresh token before this one is kept until this one has worked once."""

    model_config = ConfigDict(frozen=True)

    access_token: str = Field(repr=False)
    refresh_token: str | None = Field(None, repr=False)
    previous_refresh_token: str | None = Field(None, repr=False)


class SignInContext(BaseModel):
    """What has to be remembered of a person who is at the authorization server."""

    model_config = ConfigDict(frozen=True)

    verifier: str = Field(repr=False)
    redirect_uri: str
    scope: str | None
    client: OAuthClient
