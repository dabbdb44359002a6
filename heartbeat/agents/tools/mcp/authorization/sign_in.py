"""Signing in to a tool server: up to the person's part, and on from it. Every request goes through the egress guard."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2
from mcp.client.auth.exceptions import OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.auth.oauth2 import PKCEParameters
from mcp.client.auth.utils import validate_authorization_response_iss
from mcp.shared.auth import OAuthToken
from mcp_types.version import LATEST_PROTOCOL_VERSION
from pydantic import ValidationError

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.authorization.problems import (
    AuthorizationProblem,
    NoAuthorization,
    host_of,
)
from heartbeat.agents.tools.mcp.authorization.provider import Authorized, Provider, Terms, at_issuer
from heartbeat.domain.tool_connections import OAuthClient, OAuthTokens, SignInContext
from heartbeat.egress.client import Guard, guarded_client
from heartbeat.egress.unreachable import why_unreachable
from heartbeat.settings import Settings

MAX_BYTES = 1_000_000
MAX_SECONDS = 20
MAX_REDIRECTS = 3
ERROR_CODE = re.compile(r"[a-z_]{1,40}")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_PROTOCOL_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "heartbeat", "version": "1"},
    },
}


@dataclass(frozen=True)
class SignIn:
    """Where a person goes to sign in, and what to keep until it is back."""

    authorize_url: str
    state: str
    context: SignInContext


@dataclass(frozen=True)
class Grant:
    """What was granted; `expires_in` is in seconds, `None` when nobody said."""

    tokens: OAuthTokens
    scopes: tuple[str, ...]
    expires_in: int | None


async def prepare_client(server: McpServer, terms: Terms, settings: Settings) -> tuple[OAuthClient, str | None]:
    """Ask what `server` wants and have a client at its authorization server; returns it and the scopes to ask for.

    Raises `NoAuthorization`, `AnotherHost` and `AuthorizationProblem`.
    """
    provider = Provider(server.url, terms)
    async with _http(settings) as http, _problems(server.url):
        try:
            await _knock(http, server, provider)
        except Authorized:
            return provider.client(), provider.context.client_metadata.scope
    raise NoAuthorization


def new_sign_in(client: OAuthClient, scope: str | None, redirect_uri: str) -> SignIn:
    """Build the address at which a person signs in."""
    pkce, state = PKCEParameters.generate(), secrets.token_urlsafe(32)
    query = {
        "response_type": "code",
        "client_id": str(client.information["client_id"]),
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": pkce.code_challenge,
        "code_challenge_method": "S256",
        "resource": client.resource,
    }
    if scope:
        query["scope"] = scope
        # OpenID Connect wants it said, or no refresh token is given.
        query |= {"prompt": "consent"} if "offline_access" in scope.split() else {}
    url = httpx2.URL(str(client.metadata["authorization_endpoint"])).copy_merge_params(query)
    context = SignInContext(verifier=pkce.code_verifier, redirect_uri=redirect_uri, scope=scope, client=client)
    return SignIn(str(url), state, context)


async def finish_sign_in(context: SignInContext, code: str, iss: str | None, settings: Settings) -> Grant:
    """Take the tokens for the code that a person came back with. Raises `AuthorizationProblem`."""
    provider = at_issuer(context.client, context.redirect_uri)
    try:
        validate_authorization_response_iss(iss, provider.context.oauth_metadata)
    except OAuthFlowError:
        words = f"The answer did not come from {host_of(context.client.issuer or '')}; sign in again."
        raise AuthorizationProblem("wrong_issuer", words) from None
    request = await provider._exchange_token_authorization_code(code, context.verifier)
    return await _token_request(provider, request, context.scope, settings)


async def grant_to_machine(client: OAuthClient, scope: str | None, settings: Settings) -> Grant:
    """Take tokens for the client itself, which nobody has to sign in for. Raises `AuthorizationProblem`."""
    information, known = client.information, at_issuer(client, "http://127.0.0.1/").context
    provider = ClientCredentialsOAuthProvider(
        client.resource,
        known.storage,
        str(information["client_id"]),
        str(information.get("client_secret") or ""),
        information["token_endpoint_auth_method"],
        scope,
        issuer=client.issuer,
    )
    provider.context.oauth_metadata, provider.context.client_info = known.oauth_metadata, known.client_info
    provider.context.protocol_version = LATEST_PROTOCOL_VERSION
    return await _token_request(provider, await provider._perform_authorization(), scope, settings)


async def refresh_grant(client: OAuthClient, tokens: OAuthTokens, settings: Settings) -> Grant:
    """Take new tokens for `refresh_token`. A server that gives no new one of those leaves the old one good.

    Raises `AuthorizationProblem`.
    """
    provider = at_issuer(client, "http://127.0.0.1/")
    provider.context.current_tokens = OAuthToken(access_token=tokens.access_token, refresh_token=tokens.refresh_token)
    grant = await _token_request(provider, await provider._refresh_token(), None, settings)
    if grant.tokens.refresh_token is not None:
        return grant
    return replace(grant, tokens=grant.tokens.model_copy(update={"refresh_token": tokens.refresh_token}))


async def _knock(http: httpx2.AsyncClient, server: McpServer, provider: Provider) -> None:
    """Make a request that a server answers with what it wants first."""
    headers = {**server.headers, "MCP-Protocol-Version": LATEST_PROTOCOL_VERSION}
    headers["Accept"] = "text/event-stream" if server.transport == "sse" else "application/json, text/event-stream"
    body: dict[str, Any] = {} if server.transport == "sse" else {"json": INITIALIZE}
    request = http.build_request("GET" if server.transport == "sse" else "POST", server.url, headers=headers, **body)
    for _ in range(MAX_REDIRECTS):
        response = await http.send(request, auth=provider, stream=True, follow_redirects=False)
        await response.aclose()
        following = response.next_request
        if following is None or following.url.origin != request.url.origin or following.method != request.method:
            return
        request = following


async def _token_request(provider: Any, request: httpx2.Request, scope: str | None, settings: Settings) -> Grant:
    async with _http(settings) as http, _problems(str(request.url)):
        # A redirect would carry the code and the secret of our client elsewhere.
        response = await http.send(request, auth=None, follow_redirects=False)
        if response.status_code not in (200, 201):
            raise _refusal(response)
        return _grant(response, scope)


def _grant(response: httpx2.Response, scope: str | None) -> Grant:
    host, answer = response.request.url.host, _json_object(response)
    if "access_token" not in answer and isinstance(answer.get("error"), str):
        # GitHub and Slack refuse with 200.
        raise _refusal(response)
    try:
        token = OAuthToken.model_validate({**answer, "expires_in": _seconds(answer.get("expires_in"))})
    except ValidationError:
        raise AuthorizationProblem("bad_answer", f"{host} did not answer with tokens.", is_final=False) from None
    if not (token.access_token and all("!" <= character <= "~" for character in token.access_token)):
        raise AuthorizationProblem("bad_answer", f"{host} answered with a token that cannot be sent.", is_final=False)
    granted = token.scope if token.scope is not None else scope
    tokens = OAuthTokens(access_token=token.access_token, refresh_token=token.refresh_token or None)
    return Grant(tokens, tuple((granted or "").split()), token.expires_in)


def _seconds(value: Any) -> int | None:
    """How long a token lasts; `None` where that is not said in a way to go by, for the token is good all the same."""
    try:
        seconds = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _refusal(response: httpx2.Response) -> AuthorizationProblem:
    """What a token request was answered with: the code of RFC 6749 alone, for a description may repeat a secret."""
    error = _json_object(response).get("error")
    is_code = isinstance(error, str) and ERROR_CODE.fullmatch(error) is not None
    code = str(error) if is_code else f"http_{response.status_code}"
    is_final = is_code and response.status_code < 500 and response.status_code != 429
    host = response.request.url.host
    return AuthorizationProblem(code, f"{host} refused ({code}).", is_final=is_final and error not in _LATER)


def _json_object(response: httpx2.Response) -> dict[str, Any]:
    """Read an answer; an empty object if it is none."""
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


# The last ones are Slack's.
_LATER = ("temporarily_unavailable", "server_error", "slow_down", "ratelimited", "internal_error", "fatal_error")


@asynccontextmanager
async def _problems(url: str) -> AsyncIterator[None]:
    """Say in words what comes in the way; the SDK's own may repeat what a server answered."""
    host = host_of(url)
    try:
        async with asyncio.timeout(MAX_SECONDS * 2):
            yield
    except OAuthRegistrationError:
        words = "The authorization server did not register a client: register one there, and give its client_id."
        raise AuthorizationProblem("registration_refused", words) from None
    except (OAuthFlowError, OAuthTokenError, ValueError, httpx2.InvalidURL):
        words = f"What {host} says of how to sign in does not fit together."
        raise AuthorizationProblem("bad_metadata", words) from None
    except (httpx2.HTTPError, TimeoutError) as problem:
        words = f"{host} or its authorization server cannot be reached{why_unreachable(problem)}."
        raise AuthorizationProblem("unreachable", words, is_final=False) from None


def _http(settings: Settings) -> httpx2.AsyncClient:
    seconds = min(settings.tool_timeout_seconds, MAX_SECONDS)
    return guarded_client(Guard(settings.egress_allow), timeout=seconds, max_bytes=MAX_BYTES)
