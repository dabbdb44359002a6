"""A tool that wants to be signed in to, over the API, and what a browser does."""

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.schemas.tool_objects import ToolToConnect
from tests.support.api import Api
from tests.support.authorization_server import AuthorizationServer
from tests.support.tool_server import ToolServer


@pytest.fixture
def authorization() -> Iterator[AuthorizationServer]:
    with contextlib.closing(AuthorizationServer()) as server:
        yield server


@pytest.fixture
def guarded_desk(authorization: AuthorizationServer) -> Iterator[ToolServer]:
    with contextlib.closing(ToolServer(authorization=authorization)) as server:
        yield server


async def create(api: Api, bot: dict[str, Any], desk: ToolServer, **fields: Any) -> dict[str, Any]:
    body = {"bot_id": bot["id"], "server_label": "desk", "server_url": desk.url, "transport": "http", **fields}
    answer = await api.post("/tool", **body)
    assert answer.status_code == 200, answer.text
    ToolToConnect.model_validate(answer.json(), extra="forbid")
    return answer.json()


async def come_back(api: Api, location: str, **cookies: str) -> httpx.Response:
    """What a browser does with the address it was sent to."""
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
    return await api.http.get("/oauth/callback", params=fields_of(location), headers=cookie)


async def read(api: Api, bot: dict[str, Any], tool: dict[str, Any]) -> dict[str, Any]:
    return (await api.get(f"/tool/{tool['id']}", bot_id=bot["id"])).json()["tool"]


def fields_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
