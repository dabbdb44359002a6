"""The issuer over HTTP: its configuration and keys, which are kept for a while, and what a code is exchanged for.

Imported with the first sign-in, for what it needs takes memory.
"""

import ssl
from base64 import b64encode
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.jwk import KeySet

from heartbeat.egress.capped import ENCODINGS
from heartbeat.egress.client import Guard, Transport
from heartbeat.egress.unreachable import why_unreachable
from heartbeat.openid.attempts import SignInAttempt
from heartbeat.openid.id_tokens import signing_keys
from heartbeat.openid.metadata import BASIC, WELL_KNOWN, IssuerMetadata, WrongMetadata, read_metadata
from heartbeat.openid.problems import NOT_OURS, UNUSABLE, IssuerAway, SignInRefused
from heartbeat.settings import Settings

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 500_000
KEPT_SECONDS = 3600.0
# A key that we do not know has the keys read anew, but no more often than this.
KEYS_KEPT_SECONDS = 60.0
# What an issuer says of us and not of a code (RFC 6749, 5.2).
SET_UP_WRONGLY = {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}


@dataclass(frozen=True)
class IssuedTokens:
    """What a code was exchanged for."""

    id_token: str
    access_token: str | None


@dataclass(frozen=True)
class _Kept:
    value: Any
    read_at: float


class Issuer:
    """The issuer of the settings. Every call raises `IssuerAway`."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_client_id is not None
        self._settings = settings
        self.url = settings.oidc_issuer
        host = urlsplit(self.url).hostname or ""
        self._guard = Guard([*settings.egress_allow, host])
        self._tls = ssl.create_default_context(cafile=settings.ssl_cert_file) if settings.ssl_cert_file else None
        self._kept: dict[str, _Kept] = {}

    async def metadata(self) -> IssuerMetadata:
        """Its configuration, read anew each hour."""
        kept = self._kept.get("metadata")
        if kept is None or monotonic() - kept.read_at > KEPT_SECONDS:
            document = await self._get_json(self.url.rstrip("/") + WELL_KNOWN)
            try:
                kept = _Kept(read_metadata(document, self.url), monotonic())
            except WrongMetadata as problem:
                raise IssuerAway(str(problem)) from None
            self._kept["metadata"] = kept
        metadata: IssuerMetadata = kept.value
        return metadata

    async def keys(self, *, anew: bool = False) -> KeySet:
        """Its public keys, read anew each hour or when there is reason to, though not twice a minute."""
        kept = self._kept.get("keys")
        lasts = KEYS_KEPT_SECONDS if anew else KEPT_SECONDS
        if kept is None or monotonic() - kept.read_at > lasts:
            url = (await self.metadata()).jwks_uri
            found = signing_keys(await self._get_json(url))
            if not found.keys:
                raise IssuerAway(f"{url} has no key that signs")
            kept = self._kept["keys"] = _Kept(found, monotonic())
        keys: KeySet = kept.value
        return keys

    async def authorization_url(self, redirect_uri: str, attempt: SignInAttempt) -> str:
        """Where a browser is sent to sign in."""
        metadata = await self.metadata()
        prompt = {"prompt": attempt.prompt} if attempt.prompt else {}
        async with self._client(metadata, redirect_uri) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
                **prompt,
            )
        return str(url)

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> IssuedTokens:
        """Exchange a code, which works once. Raises `SignInRefused`."""
        metadata = await self.metadata()
        async with self._client(metadata, redirect_uri) as client:
            try:
                token = await client.fetch_token(
                    metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
                )
            except OAuthError as problem:
                message = UNUSABLE if problem.error in SET_UP_WRONGLY else NOT_OURS
                raise SignInRefused(message, f"the code was refused: {problem.error}") from None
            except httpx2.HTTPError as problem:
                raise _away(problem, metadata.token_endpoint) from problem
            except (ValueError, TypeError, RecursionError):
                # Authlib reads numbers in it, too, and takes on trust that they are some.
                raise IssuerAway(f"{metadata.token_endpoint} answered with no JSON of a token") from None
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            raise SignInRefused(UNUSABLE, "there was no ID token; HEARTBEAT_OIDC_SCOPES has to have `openid` in it")
        return IssuedTokens(id_token, access_token if isinstance(access_token, str) else None)

    async def userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """What it says besides of somebody; nothing if it has no such endpoint or speaks of somebody else."""
        endpoint = (await self.metadata()).userinfo_endpoint
        if endpoint is None:
            return {}
        claims = await self._get_json(endpoint, {"Authorization": f"Bearer {access_token}"})
        return claims if claims.get("sub") == subject else {}

    async def _get_json(self, url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        async with httpx2.AsyncClient(**self._http()) as client:
            try:
                response = await client.get(url, headers={"Accept": "application/json", **(headers or {})})
                response.raise_for_status()
                document = response.json()
            except httpx2.HTTPError as problem:
                raise _away(problem, url) from problem
            except (ValueError, RecursionError):
                raise IssuerAway(f"{url} answered with no JSON") from None
        if not isinstance(document, dict):
            raise IssuerAway(f"{url} answered with no JSON object")
        return document

    def _client(self, metadata: IssuerMetadata, redirect_uri: str) -> AsyncOAuth2Client:
        secret = self._settings.oidc_client_secret
        method = metadata.auth_method(has_secret=secret is not None)
        return AsyncOAuth2Client(
            client_id=self._settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            token_endpoint_auth_method=_basic if method == BASIC else method,
            scope=self._settings.oidc_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            **self._http(),
        )

    def _http(self) -> dict[str, Any]:
        # No redirect is followed: what is sent here is for this address alone.
        transport = Transport(self._guard, timeout=TIMEOUT_SECONDS, max_bytes=MAX_BYTES, tls=self._tls)
        return {
            "transport": transport,
            "timeout": TIMEOUT_SECONDS,
            "headers": {"Accept-Encoding": ", ".join(ENCODINGS)},
            "follow_redirects": False,
            "trust_env": False,
        }


def _basic(client: Any, method: str, uri: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """Say who we are as RFC 6749 (2.3.1) has it: Authlib leaves out to encode what has characters of its own."""
    both = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    return uri, {**headers, "Authorization": f"Basic {b64encode(both.encode()).decode()}"}, body


def _away(problem: httpx2.HTTPError, url: str) -> IssuerAway:
    if isinstance(problem, httpx2.HTTPStatusError):
        return IssuerAway(f"{url} answered {problem.response.status_code}")
    return IssuerAway(f"{url} cannot be reached{why_unreachable(problem) or f': {problem}'}")
