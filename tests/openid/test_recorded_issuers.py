"""Sign-ins with the configurations and claims of issuers in use: who somebody is there, and what their groups give."""

import logging
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.responses import JSONResponse, Response

from heartbeat.openid.attempts import SignInAttempt
from heartbeat.openid.problems import INVENTED, NOT_OURS, IssuerAway, SignInRefused
from heartbeat.openid.sign_in import IssuerAnswer, OpenIdSignIn, SignedInPerson
from tests.support.recorded_issuer import (
    ACCESS_TOKEN,
    CORPUS,
    SECOND_KEY,
    RecordedIssuer,
    recorded,
    recorded_issuer,
    redirect_to,
)

NOW = datetime(2026, 11, 29, tzinfo=UTC)
REDIRECT = "https://heartbeat.example.com/sign-in/openid/callback"
ALL = sorted(path.stem for path in CORPUS.glob("*.json"))


class SignIn:
    """A sign-in at an issuer, as often as one likes."""

    def __init__(self, issuer: RecordedIssuer, **settings: Any) -> None:
        self.issuer = issuer
        self.door = OpenIdSignIn(issuer.settings(**settings), lambda: issuer.now)

    async def begin(self) -> tuple[str, SignInAttempt]:
        return await self.door.begin(REDIRECT, "/")

    async def finish(self, attempt: SignInAttempt, **answer: Any) -> SignedInPerson:
        metadata = self.issuer.record["metadata"]
        names_itself = metadata.get("authorization_response_iss_parameter_supported")
        given = {"code": "a-code", "error": "", "iss": attempt.issuer if names_itself else None, **answer}
        return await self.door.finish(attempt, IssuerAnswer(**given), REDIRECT)

    async def whole(self, **answer: Any) -> SignedInPerson:
        _, attempt = await self.begin()
        self.issuer.nonce = attempt.nonce
        return await self.finish(attempt, **answer)


@asynccontextmanager
async def sign_in_at(name: str, **settings: Any) -> AsyncIterator[SignIn]:
    async with recorded_issuer(recorded(name), NOW) as issuer:
        yield SignIn(issuer, **settings)


@pytest.fixture
async def keycloak() -> AsyncIterator[SignIn]:
    async with sign_in_at("keycloak-groups") as sign_in:
        yield sign_in


@pytest.mark.parametrize("name", ALL)
async def test_each_signs_in_whom_it_knows(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with sign_in_at(name) as sign_in:
        expected, issuer = sign_in.issuer.record["expected"], sign_in.issuer
        if "away" in expected:
            with pytest.raises(IssuerAway) as away:
                await sign_in.whole()
            assert expected["away"] in away.value.reason
            return
        if "refused" in expected:
            with pytest.raises(SignInRefused, match=expected["refused"]):
                await sign_in.whole()
            return
        known = await sign_in.whole()
        person = known.person
        assert (person.email, person.name, known.roles) == (expected["email"], expected["name"], expected["roles"])
        assert (person.issuer, person.subject) == (issuer.settings().oidc_issuer, issuer.record["id_token"]["sub"])
        assert bool(issuer.asked["userinfo_endpoint"]) == expected["asks_userinfo"]
        for secret in ("100%", "100%25", "a-code", ACCESS_TOKEN, known.id_token):
            assert secret not in caplog.text


async def test_what_is_sent_is_what_the_standards_ask_for(keycloak: SignIn) -> None:
    url, attempt = await keycloak.begin()
    keycloak.issuer.nonce = attempt.nonce
    await keycloak.finish(attempt)
    sent = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
    assert attempt.verifier not in url
    assert (sent["response_type"], sent["code_challenge_method"], sent["scope"]) == (
        "code",
        "S256",
        "openid profile email",
    )
    [request] = keycloak.issuer.token_requests
    form = await request.form()
    assert (form["code_verifier"], form["redirect_uri"]) == (attempt.verifier, REDIRECT)
    assert "client_secret" not in form
    # Encoded, for a secret may have any characters (RFC 6749, 2.3.1).
    scheme, credentials = request.headers["authorization"].split()
    assert (scheme, b64decode(credentials)) == ("Basic", b"heartbeat:a+secret+of%3A+100%25%2B")


async def test_new_keys_of_the_issuer_are_read_at_once_but_not_for_each_wrong_token(keycloak: SignIn) -> None:
    await keycloak.whole()
    issuer = keycloak.issuer
    issuer.keys.append(SECOND_KEY)
    issuer.signs_with = SECOND_KEY
    keycloak.door._issuer._kept["keys"] = _aged(keycloak, 61)
    await keycloak.whole()
    assert issuer.asked["jwks_uri"] == 2
    issuer.keys.remove(SECOND_KEY)
    keycloak.door._issuer._kept["keys"] = _aged(keycloak, 3601)
    for _ in range(3):
        with pytest.raises(SignInRefused):
            await keycloak.whole()
    assert issuer.asked["jwks_uri"] == 3


def _aged(sign_in: SignIn, seconds: float) -> Any:
    kept = sign_in.door._issuer._kept["keys"]
    return type(kept)(kept.value, kept.read_at - seconds)


@pytest.mark.parametrize("endpoint", ["metadata", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "answer",
    [
        Response("no", 503),
        Response("<html>", 200),
        Response("[]", 200),
        Response("x" * 600_000, 200),
        redirect_to("http://169.254.169.254/latest/meta-data"),
        Response("[" * 60_000, 200),
        Response("9" * 5_000, 200),
        Response('{"keys": 7, "id_token": "a.b.c", "expires_in": {}}', 200),
    ],
    ids=["503", "html", "list", "huge", "redirect", "deep", "long number", "odd values"],
)
async def test_an_issuer_that_answers_with_anything_else_is_away(
    keycloak: SignIn, endpoint: str, answer: Response
) -> None:
    keycloak.issuer.instead[endpoint] = answer
    with pytest.raises((IssuerAway, SignInRefused)):
        await keycloak.whole()
    del keycloak.issuer.instead[endpoint]
    assert (await keycloak.whole()).person.email == "ada@example.com"


async def test_a_code_that_is_refused_is_none_of_ours(keycloak: SignIn, caplog: pytest.LogCaptureFixture) -> None:
    keycloak.issuer.instead["token_endpoint"] = JSONResponse({"error": "invalid_grant"}, 400)
    with pytest.raises(SignInRefused) as refused:
        await keycloak.whole()
    assert (refused.value.message, refused.value.reason) == (NOT_OURS, "the code was refused: invalid_grant")


@pytest.mark.parametrize("error", ["invalid_client", "no ID token", "a key that nobody knows"])
async def test_what_the_issuer_itself_sends_is_nobodys_invention(keycloak: SignIn, error: str) -> None:
    """People of one address would make each other wait, for what the operator has to put right."""
    if error == "invalid_client":
        keycloak.issuer.instead["token_endpoint"] = JSONResponse({"error": error}, 401)
    elif error == "no ID token":
        keycloak.issuer.instead["token_endpoint"] = JSONResponse({"access_token": "x", "token_type": "Bearer"})
    else:
        keycloak.issuer.signs_with = SECOND_KEY
    with pytest.raises(SignInRefused) as refused:
        await keycloak.whole()
    assert refused.value.message not in INVENTED


@pytest.mark.parametrize(("allowed", "reason"), [([], "HEARTBEAT_EGRESS_ALLOW"), (["127.0.0.2"], "nothing listens")])
async def test_other_hosts_that_an_issuer_names_are_held_to_the_rules(allowed: list[str], reason: str) -> None:
    """On the own network only the issuer's own host is reached, and what the operator has allowed."""
    async with sign_in_at("keycloak-groups", egress_allow=allowed) as sign_in:
        issuer = sign_in.issuer
        there = issuer._moved(issuer.record["metadata"])
        there["token_endpoint"] = "https://127.0.0.2:1/token"
        issuer.instead["metadata"] = JSONResponse(there)
        with pytest.raises(IssuerAway) as away:
            await sign_in.whole()
        assert reason in away.value.reason


async def test_what_the_userinfo_endpoint_says_of_somebody_else_is_not_heard() -> None:
    async with sign_in_at("okta-thin-token") as sign_in:
        sign_in.issuer.record["userinfo"]["sub"] = "00uANOTHER"
        known = await sign_in.whole()
        assert (known.person.email, known.roles) == (None, {})


@pytest.mark.parametrize("sender", [None, "https://evil.example.com"])
async def test_the_answer_of_another_issuer_sends_our_code_nowhere(keycloak: SignIn, sender: str | None) -> None:
    with pytest.raises(SignInRefused):
        await keycloak.whole(iss=sender)
    assert keycloak.issuer.asked["token_endpoint"] == 0


async def test_the_token_of_another_sign_in_is_refused(keycloak: SignIn) -> None:
    _, first = await keycloak.begin()
    _, second = await keycloak.begin()
    keycloak.issuer.nonce = first.nonce
    with pytest.raises(SignInRefused) as refused:
        await keycloak.finish(second)
    assert "nonce" in refused.value.reason


async def test_clocks_may_differ_by_a_minute(keycloak: SignIn) -> None:
    _, attempt = await keycloak.begin()
    keycloak.issuer.nonce = attempt.nonce
    token = keycloak.issuer.id_token
    for minutes, gets_in in ((0.9, True), (1.2, False), (-0.9, True), (-1.2, False)):
        at = int((NOW + timedelta(minutes=minutes)).timestamp())
        claims = {"iat": at, "exp": at + 300} if minutes > 0 else {"exp": at}
        body = {"id_token": token(**claims), "access_token": ACCESS_TOKEN, "token_type": "Bearer"}
        keycloak.issuer.instead["token_endpoint"] = JSONResponse(body)
        if gets_in:
            assert (await keycloak.finish(attempt)).person.email
        else:
            with pytest.raises(SignInRefused):
                await keycloak.finish(attempt)


async def test_an_issuer_that_gives_no_id_token_says_nothing_of_who_somebody_is(keycloak: SignIn) -> None:
    keycloak.issuer.instead["token_endpoint"] = JSONResponse({"access_token": ACCESS_TOKEN, "token_type": "Bearer"})
    with pytest.raises(SignInRefused) as refused:
        await keycloak.whole()
    assert "HEARTBEAT_OIDC_SCOPES has to have `openid` in it" in refused.value.reason


async def test_an_issuer_without_userinfo_has_said_all_in_its_token() -> None:
    async with sign_in_at("okta-thin-token") as sign_in:
        del sign_in.issuer.record["metadata"]["userinfo_endpoint"]
        assert (await sign_in.whole()).person.email is None
        assert sign_in.issuer.asked["userinfo_endpoint"] == 0
