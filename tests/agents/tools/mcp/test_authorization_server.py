"""The authorization server that other tests connect to, spoken to by the SDK's own client."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.support.authorization_grants import Rotation
from tests.support.authorization_server import AuthorizationServer
from tests.support.tool_server import ToolServer


class Kept:
    """The SDK's storage, in memory, and the person who presses the button."""

    def __init__(self, server: AuthorizationServer) -> None:
        self.server, self.location = server, ""
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    async def redirect(self, url: str) -> None:
        self.location = self.server.approve(url)

    async def callback(self) -> AuthorizationCodeResult:
        fields = {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}
        return AuthorizationCodeResult(code=fields["code"], state=fields["state"], iss=fields["iss"])


async def call(desk: ToolServer, kept: Kept, tool: str) -> str:
    metadata = OAuthClientMetadata(
        redirect_uris=["http://127.0.0.1:9/back"], client_name="A test", token_endpoint_auth_method="none"
    )
    provider = OAuthClientProvider(desk.url, metadata, kept, kept.redirect, kept.callback)
    async with (
        httpx2.AsyncClient(auth=provider) as http,
        Client(streamable_http_client(desk.url, http_client=http)) as client,
    ):
        answer = await client.call_tool(tool, {"what": "rose"})
    return answer.content[0].text


async def test_a_client_signs_in_and_steps_up(authorization: AuthorizationServer, guarded_desk: ToolServer) -> None:
    kept, guarded_desk.wants = Kept(authorization), {"book": "notes:write"}

    assert await call(guarded_desk, kept, "read_note") == "rose: water the plants."
    assert kept.tokens.scope == "notes:read"
    assert await call(guarded_desk, kept, "book") == "Booked rose, number 1."
    assert kept.tokens.scope == "notes:read notes:write"
    assert authorization.times("authorization_code") == 2


@pytest.mark.parametrize(("rotation", "again"), [("strict", 400), ("lenient", 200), ("never", 200)])
async def test_a_refresh_token_lives_as_its_rotation_says(
    authorization: AuthorizationServer, guarded_desk: ToolServer, rotation: Rotation, again: int
) -> None:
    kept, authorization.register.rotation = Kept(authorization), rotation
    await call(guarded_desk, kept, "read_note")

    authorization.refuse_access_tokens()
    latest = refresh(authorization, kept)
    assert (latest.status_code, refresh(authorization, kept).status_code) == (200, again)
    kept.tokens = OAuthToken.model_validate({**kept.tokens.model_dump(mode="json"), **latest.json()})
    assert refresh(authorization, kept).status_code == again, "using a token of before again ends all that followed"


def refresh(authorization: AuthorizationServer, kept: Kept) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": kept.tokens.refresh_token}
    return httpx2.post(f"{authorization.url}/token", data={**form, "client_id": kept.client.client_id})
