"""A tool that wants to be signed in to, over the API, and what a browser does."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from api.schemas.tool_objects import ToolToConnect
from tests.support.api import Api
from tests.support.tool_server import ToolServer


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


def fields_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
