"""Signing in by OpenID Connect: to the issuer with a new attempt, and back with a code that says who somebody is.

The authorization code flow with PKCE; the library's part is in `issuer.py` and `id_tokens.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from heartbeat.domain.clock import Clock
from heartbeat.domain.group_roles import EVERYBODY, GroupsUnknown, groups_of, roles_by_project
from heartbeat.domain.openid_claims import OpenIdPerson, merged_claims, person_of
from heartbeat.openid.attempts import SignInAttempt, new_attempt
from heartbeat.openid.id_tokens import Expected, UnknownKey, WrongToken, verified_claims
from heartbeat.openid.issuer import IssuedTokens, Issuer
from heartbeat.openid.metadata import LOGIN, SELECT_ACCOUNT, IssuerMetadata
from heartbeat.openid.problems import AGAIN, NOT_OURS, REFUSED, TOO_MANY_GROUPS, UNUSABLE, SignInRefused
from heartbeat.settings import Settings

# What an issuer answers that does not know what we asked it to show.
UNKNOWN_PROMPT = "invalid_request"


@dataclass(frozen=True)
class IssuerAnswer:
    """What an issuer sends a browser back with. `iss` says who answers, where the issuer says it (RFC 9207)."""

    code: str
    error: str
    iss: str | None


@dataclass(frozen=True)
class SignedInPerson:
    """Who somebody is, what their groups let them do by project, and the token that a sign-out shows the issuer."""

    person: OpenIdPerson
    roles: dict[str, str]
    id_token: str


class StartedSignIn(NamedTuple):
    """Where the browser is sent, and what it has to come back with."""

    url: str
    attempt: SignInAttempt


class OpenIdSignIn:
    """Sign-ins with the issuer of the settings."""

    def __init__(self, settings: Settings, now: Clock) -> None:
        self._settings = settings
        self._now = now
        self._issuer = Issuer(settings)

    async def begin(self, redirect_uri: str, next_page: str, *, with_another: bool = False) -> StartedSignIn:
        """Lead to the issuer, perhaps to another account than the one there. Raises `IssuerAway`."""
        prompt = (await self._issuer.metadata()).prompt_for_another() if with_another else ""
        return await self._started(redirect_uri, new_attempt(self._issuer.url, next_page, self._now(), prompt))

    async def begin_anew(
        self, attempt: SignInAttempt | None, answer: IssuerAnswer, redirect_uri: str
    ) -> StartedSignIn | None:
        """Lead to the issuer's form where it knows no choice of accounts, which not all say. Raises `IssuerAway`."""
        if attempt is None or attempt.prompt != SELECT_ACCOUNT or answer.error != UNKNOWN_PROMPT:
            return None
        again = new_attempt(self._issuer.url, attempt.next_page, self._now(), LOGIN)
        return await self._started(redirect_uri, again)

    async def _started(self, redirect_uri: str, attempt: SignInAttempt) -> StartedSignIn:
        return StartedSignIn(await self._issuer.authorization_url(redirect_uri, attempt), attempt)

    async def finish(self, attempt: SignInAttempt | None, answer: IssuerAnswer, redirect_uri: str) -> SignedInPerson:
        """Read who came back. Raises `SignInRefused` and `IssuerAway`."""
        if attempt is None:
            raise SignInRefused(AGAIN)
        metadata = await self._issuer.metadata()
        _require_sender(metadata, answer)
        if answer.error or not answer.code:
            raise SignInRefused(REFUSED, f"the issuer says {answer.error[:100]!r}")
        tokens = await self._issuer.exchange(answer.code, attempt.verifier, redirect_uri)
        claims = await self._claims(metadata, tokens, attempt.nonce)
        claims = await self._completed(claims, tokens)
        return SignedInPerson(person_of(claims), self._roles(claims), tokens.id_token)

    async def sign_out_url(self) -> str | None:
        """Where a browser is sent to sign out of the issuer, too, if that is offered. Raises `IssuerAway`."""
        return (await self._issuer.metadata()).end_session_endpoint

    async def _claims(self, metadata: IssuerMetadata, tokens: IssuedTokens, nonce: str) -> dict[str, Any]:
        expected = Expected(metadata.issuer, self._settings.oidc_client_id or "", nonce, metadata.algorithms)
        now = self._now()
        try:
            try:
                return self._verified(tokens, await self._issuer.keys(), expected, now)
            except UnknownKey:
                return self._verified(tokens, await self._issuer.keys(anew=True), expected, now)
        except WrongToken as problem:
            raise SignInRefused(UNUSABLE, f"the ID token is not valid: {problem}") from None

    @staticmethod
    def _verified(tokens: IssuedTokens, keys: Any, expected: Expected, now: datetime) -> dict[str, Any]:
        return verified_claims(tokens.id_token, tokens.access_token, keys, expected, now)

    async def _completed(self, claims: dict[str, Any], tokens: IssuedTokens) -> dict[str, Any]:
        """Ask for what an issuer does not write into its tokens, as the standard allows."""
        wants_groups = self._maps_groups and not groups_in(claims, self._settings.oidc_groups_claim)
        if tokens.access_token is None or ("email" in claims and not wants_groups):
            return claims
        return merged_claims(claims, await self._issuer.userinfo(tokens.access_token, claims["sub"]))

    def _roles(self, claims: Mapping[str, Any]) -> dict[str, str]:
        mapping = self._settings.oidc_groups
        try:
            groups = groups_of(claims, self._settings.oidc_groups_claim) if self._maps_groups else []
        except GroupsUnknown:
            raise SignInRefused(TOO_MANY_GROUPS) from None
        return roles_by_project(groups, mapping)

    @property
    def _maps_groups(self) -> bool:
        return any(group != EVERYBODY for group in self._settings.oidc_groups)


def groups_in(claims: Mapping[str, Any], claim: str) -> bool:
    """Whether claims say anything of groups."""
    try:
        return bool(groups_of(claims, claim))
    except GroupsUnknown:
        return True


def _require_sender(metadata: IssuerMetadata, answer: IssuerAnswer) -> None:
    """Raise `SignInRefused` for the answer of another issuer than the one that was asked (a mix-up)."""
    if answer.iss is None and not metadata.names_itself:
        return
    if answer.iss != metadata.issuer:
        raise SignInRefused(NOT_OURS, f"the answer says that it is of {(answer.iss or 'nobody')[:200]!r}")
