"""How far signing in goes with servers that say odd things of themselves: requests and answers, without a network."""

import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from heartbeat.agents.tools.mcp.authorization.problems import AnotherHost, AuthorizationProblem, NoAuthorization
from heartbeat.agents.tools.mcp.authorization.provider import Authorized, Provider, Terms
from heartbeat.domain.tool_connections import OAuthClient

DESK, ISSUER = "https://desk.example/mcp", "https://desk.example"
RESOURCE = f"{ISSUER}/.well-known/oauth-protected-resource/mcp"
METADATA = f"{ISSUER}/.well-known/oauth-authorization-server"
TERMS = Terms("https://heartbeat.example/oauth/callback")
OWN = replace(TERMS, client=OAuthClient(origin="given", information={"client_id": "me", "redirect_uris": []}))
SAYS: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "registration_endpoint": f"{ISSUER}/register",
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
}
OFFERS = {"resource": DESK, "authorization_servers": [ISSUER]}
PLAIN = "http://desk.example"


async def sign_in(terms: Terms, pages: dict[str, Any], first: httpx2.Response) -> tuple[Provider, list[str]]:
    """Sign in to a server that answers `first`; of the rest it has these pages. Returns what was asked for besides."""
    provider, asked = Provider(DESK, terms), list[str]()
    flow = provider.async_auth_flow(httpx2.Request("POST", DESK))
    await anext(flow)
    response = first
    response.request = httpx2.Request("POST", DESK)
    try:
        while True:
            outgoing = await flow.asend(response)
            asked.append(str(outgoing.url))
            page = pages.get(str(outgoing.url))
            response = httpx2.Response(404 if page is None else 200, content=json.dumps(page), request=outgoing)
    except Authorized:
        return provider, asked


def refuses(**headers: str) -> httpx2.Response:
    return httpx2.Response(401, headers=headers)


async def test_a_server_that_shows_its_tools_to_everybody_is_signed_in_to_all_the_same() -> None:
    for first in (refuses(), httpx2.Response(200, content="{}")):
        provider, asked = await sign_in(OWN, {RESOURCE: OFFERS, METADATA: SAYS}, first)
        assert asked == [RESOURCE, METADATA]
        client = provider.client()
        # It has no secret, so there is nothing to prove who it is by.
        assert (client.origin, client.information["token_endpoint_auth_method"]) == ("given", "none")


async def test_a_description_on_another_host_is_not_read() -> None:
    elsewhere = "https://evil.example/.well-known/oauth-protected-resource"
    first = refuses(**{"www-authenticate": f'Bearer resource_metadata="{elsewhere}"'})
    _, asked = await sign_in(OWN, {elsewhere: {}, RESOURCE: OFFERS, METADATA: SAYS}, first)
    assert elsewhere not in asked


@pytest.mark.parametrize(
    ("terms", "pages"),
    [
        (replace(OWN, shown_issuer=PLAIN), {RESOURCE: {**OFFERS, "authorization_servers": [PLAIN]}}),
        (OWN, {RESOURCE: OFFERS, METADATA: {**SAYS, "token_endpoint": f"{PLAIN}/token"}}),
    ],
    ids=["issuer", "endpoint"],
)
async def test_who_is_not_spoken_to_over_https_is_given_nothing(terms: Terms, pages: dict[str, Any]) -> None:
    with pytest.raises(AuthorizationProblem, match=r"desk\.example is not spoken to over https") as problem:
        await sign_in(terms, pages, refuses())
    assert problem.value.code == "insecure"


@pytest.mark.parametrize("terms", [TERMS, OWN], ids=["registers", "given"])
async def test_who_only_looks_stops_at_the_authorization_server(terms: Terms) -> None:
    with pytest.raises(AnotherHost) as stopped:
        await sign_in(replace(terms, only_looks=True), {METADATA: SAYS}, refuses())
    assert stopped.value.issuer.rstrip("/") == ISSUER


@pytest.mark.parametrize("terms", [TERMS, OWN], ids=["registers", "given"])
async def test_a_server_that_describes_nothing_is_none_to_sign_in_to(terms: Terms) -> None:
    with pytest.raises(NoAuthorization):
        await sign_in(terms, {}, refuses())
