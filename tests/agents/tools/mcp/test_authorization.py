"""Signing in to a tool server that a real authorization server stands before, as far as the network is concerned."""

import contextlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.authorization.problems import AnotherHost, AuthorizationProblem, NoAuthorization
from heartbeat.agents.tools.mcp.authorization.provider import Terms
from heartbeat.agents.tools.mcp.authorization.sign_in import (
    SignIn,
    finish_sign_in,
    grant_to_machine,
    new_sign_in,
    prepare_client,
    refresh_grant,
)
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.domain.tool_connections import OAuthClient
from heartbeat.settings import Settings
from tests.support.authorization_server import AuthorizationServer, refusal
from tests.support.tool_server import ToolServer

BACK = "http://127.0.0.1:9/oauth/callback"
TERMS = Terms(BACK)


class Silent(ToolServer):
    """It does not say what a token must be good for."""

    required_scopes = None


@pytest.fixture
def settings() -> Settings:
    return Settings(egress_allow=["127.0.0.1", "localhost"])


def at(desk: ToolServer, **headers: str) -> McpServer:
    return McpServer("tool_1", "desk", "http", desk.url, headers)


async def sign_in_to(desk: ToolServer, settings: Settings, terms: Terms = TERMS) -> SignIn:
    client, scope = await prepare_client(at(desk), terms, settings)
    return new_sign_in(client, scope, BACK)


def fields_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def test_a_person_signs_in_and_the_token_opens_the_server(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    sign_in = await sign_in_to(guarded_desk, settings)
    wanted = fields_of(sign_in.authorize_url)
    assert wanted["code_challenge_method"] == "S256"
    assert wanted["resource"] == guarded_desk.url
    assert wanted["scope"] == "notes:read"
    assert sign_in.context.client.origin == "registered"

    back = fields_of(authorization.approve(sign_in.authorize_url))
    assert back["state"] == sign_in.state
    grant = await finish_sign_in(sign_in.context, back["code"], back["iss"], settings)

    listing = await list_tools(at(guarded_desk, Authorization=f"Bearer {grant.tokens.access_token}"), settings)
    assert "read_note" in listing.tools
    assert authorization.token_requests[0]["resource"] == guarded_desk.url
    assert (grant.scopes, grant.expires_in) == (("notes:read",), 3600)

    refreshed = await refresh_grant(sign_in.context.client, grant.tokens, settings)
    assert refreshed.tokens.access_token != grant.tokens.access_token
    assert authorization.token_requests[1]["resource"] == guarded_desk.url


async def test_an_answer_in_the_name_of_another_server_is_not_taken(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    sign_in = await sign_in_to(guarded_desk, settings)
    code = fields_of(authorization.approve(sign_in.authorize_url))["code"]
    for iss in ("https://evil.example.com", None):
        with pytest.raises(AuthorizationProblem, match="did not come from"):
            await finish_sign_in(sign_in.context, code, iss, settings)
    assert authorization.token_requests == []


async def test_a_server_without_authorization_is_none_to_sign_in_to(settings: Settings) -> None:
    for header in (None, ("Authorization", "Bearer x")):
        with contextlib.closing(ToolServer(header)) as desk, pytest.raises(NoAuthorization):
            await prepare_client(at(desk), TERMS, settings)


async def test_nothing_is_sent_to_another_host_before_it_was_shown(settings: Settings) -> None:
    with contextlib.closing(AuthorizationServer()) as authorization:
        authorization.url = authorization.url.replace("127.0.0.1", "localhost")
        with contextlib.closing(ToolServer(authorization=authorization)) as desk:
            requests = authorization.requests
            with pytest.raises(AnotherHost) as stopped:
                await prepare_client(at(desk), TERMS, settings)
            assert stopped.value.issuer.startswith(authorization.url)
            assert authorization.requests == requests
            client, _ = await prepare_client(at(desk), replace(TERMS, shown_issuer=stopped.value.issuer), settings)
            assert client.issuer == authorization.url
            assert len(authorization.register.clients) == 1


async def test_an_address_that_looks_like_anothers_is_not_shown(settings: Settings) -> None:
    with contextlib.closing(AuthorizationServer()) as authorization:
        authorization.url = authorization.url.replace("127.0.0.1", "well-known.example@localhost")
        with contextlib.closing(ToolServer(authorization=authorization)) as desk:
            with pytest.raises(AuthorizationProblem) as problem:
                await prepare_client(at(desk), TERMS, settings)
            assert (problem.value.code, authorization.requests) == ("bad_metadata", 0)


async def test_the_guard_holds_for_authorization_servers(guarded_desk: ToolServer) -> None:
    with pytest.raises(AuthorizationProblem, match="cannot be reached"):
        await prepare_client(at(guarded_desk), TERMS, Settings())


async def test_a_client_that_was_given_is_used(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    authorization.registers = False
    with pytest.raises(AuthorizationProblem, match="give its client_id") as problem:
        await prepare_client(at(guarded_desk), TERMS, settings)
    assert problem.value.code == "client_needed"

    methods = {"token_endpoint_auth_method": "client_secret_basic", "redirect_uris": [BACK]}
    grants = ["authorization_code", "client_credentials", "refresh_token"]
    authorization.add_client("me", "s3cret", grant_types=grants, **methods)
    given = OAuthClient(origin="given", information={"client_id": "me", "client_secret": "s3cret"})
    sign_in = await sign_in_to(guarded_desk, settings, replace(TERMS, client=given))
    assert sign_in.context.client.origin == "given"
    others = given.model_copy(update={"issuer": "https://auth.example.com"})
    with pytest.raises(AuthorizationProblem, match="is one of https://"):
        await prepare_client(at(guarded_desk), replace(TERMS, client=others), settings)
    back = fields_of(authorization.approve(sign_in.authorize_url))
    grant = await finish_sign_in(sign_in.context, back["code"], back["iss"], settings)
    assert grant.tokens.access_token


async def test_a_machine_signs_in_by_itself(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    methods = {"token_endpoint_auth_method": "client_secret_basic", "grant_types": ["client_credentials"]}
    authorization.add_client("me", "s3cret", **methods)
    given = OAuthClient(origin="given", information={"client_id": "me", "client_secret": "s3cret"})
    terms = replace(TERMS, client=given, grant_type="client_credentials")
    client, scope = await prepare_client(at(guarded_desk), terms, settings)
    grant = await grant_to_machine(client, scope, settings)
    listing = await list_tools(at(guarded_desk, Authorization=f"Bearer {grant.tokens.access_token}"), settings)
    assert "read_note" in listing.tools
    assert "s3cret" not in repr(client) + repr(grant)


async def test_a_client_is_known_by_its_document(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    document = "https://heartbeat.example/oauth/client.json"
    described = {"redirect_uris": [BACK], "token_endpoint_auth_method": "none"}
    authorization.documents[document] = {**described, "grant_types": ["authorization_code", "refresh_token"]}
    sign_in = await sign_in_to(guarded_desk, settings, replace(TERMS, document_url=document))
    assert fields_of(sign_in.authorize_url)["client_id"] == document
    assert (sign_in.context.client.origin, authorization.register.clients) == ("metadata_document", {})
    back = fields_of(authorization.approve(sign_in.authorize_url))
    assert (await finish_sign_in(sign_in.context, back["code"], back["iss"], settings)).tokens.access_token


async def test_no_more_is_asked_for_than_the_tools_server_names(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    named = await sign_in_to(guarded_desk, settings)
    assert named.context.scope == "notes:read"
    chosen = await sign_in_to(guarded_desk, settings, replace(TERMS, scopes=("notes:write",)))
    assert fields_of(chosen.authorize_url)["scope"] == "notes:write"
    with contextlib.closing(Silent(authorization=authorization)) as silent:
        unnamed = await sign_in_to(silent, settings)
    assert "scope" not in fields_of(unnamed.authorize_url)
    assert authorization.metadata()["scopes_supported"]


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, "no_pkce"),
        ({"code_challenge_methods_supported": None}, "no_pkce"),
        ({"issuer": "https://evil.example.com"}, "bad_metadata"),
        ({"token_endpoint": "javascript:alert(1)"}, None),
    ],
)
async def test_metadata_that_is_not_gone_on_with(
    authorization: AuthorizationServer,
    guarded_desk: ToolServer,
    settings: Settings,
    lie: dict[str, Any],
    code: str | None,
) -> None:
    truth = authorization.metadata()
    authorization.metadata = lambda: {**truth, **lie}  # type: ignore[method-assign]
    with pytest.raises(AuthorizationProblem if code else NoAuthorization) as problem:
        await prepare_client(at(guarded_desk), TERMS, settings)
    assert getattr(problem.value, "code", None) == code


async def test_a_refusal_is_told_by_its_code_alone(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings
) -> None:
    sign_in = await sign_in_to(guarded_desk, settings)
    back = fields_of(authorization.approve(sign_in.authorize_url))
    for fault, code, is_final in (
        (refusal("invalid_grant"), "invalid_grant", True),
        (refusal("temporarily_unavailable"), "temporarily_unavailable", False),
        (replace(refusal("x"), status=503, body="down"), "http_503", False),
        (replace(refusal("x"), status=200, body='{"access_token": "half'), "bad_answer", False),
        (replace(refusal("x"), status=200, body='{"access_token": "a\\r\\nb"}'), "bad_answer", False),
        (replace(refusal("bad_refresh_token"), status=200), "bad_refresh_token", True),
        (replace(refusal("ratelimited"), status=200), "ratelimited", False),
        (replace(refusal("x"), status=400, body="[" * 200_000), "http_400", False),
        (replace(refusal("x"), status=200, body="[" * 200_000), "bad_answer", False),
    ):
        authorization.fault = fault
        with pytest.raises(AuthorizationProblem) as problem:
            await finish_sign_in(sign_in.context, back["code"], back["iss"], settings)
        assert (problem.value.code, problem.value.is_final) == (code, is_final)
        assert "half" not in str(problem.value)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("3600", 3600),
        ("3599.5", 3599),
        ('"3600"', 3600),
        *((odd, None) for odd in ("0", "-5", "null", '"soon"', "[]", "1e999", "NaN")),
    ],
)
async def test_a_token_is_taken_however_its_life_is_written(
    authorization: AuthorizationServer, guarded_desk: ToolServer, settings: Settings, said: str, seconds: int | None
) -> None:
    sign_in = await sign_in_to(guarded_desk, settings)
    body = f'{{"access_token": "t", "token_type": "bearer", "expires_in": {said}}}'
    authorization.fault = replace(refusal("x"), status=200, body=body)
    grant = await finish_sign_in(sign_in.context, "code", authorization.url, settings)
    assert (grant.tokens.access_token, grant.expires_in) == ("t", seconds)
