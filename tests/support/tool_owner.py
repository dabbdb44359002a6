"""An owner whose application may speak to tool servers on loopback, and keeps secrets."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from api.main import create_app
from heartbeat.domain.secret_keys import new_key
from heartbeat.store.database.database import Database
from tests.support.api import Api, owner, settings_for
from tests.support.patience import PATIENCE
from tests.support.tool_server import ToolServer

AUTHORISATION = "Bearer canary-of-the-desk"


@pytest.fixture
def locked_desk() -> Iterator[ToolServer]:
    """A server that answers those alone who send the right header."""
    with contextlib.closing(ToolServer(("Authorization", AUTHORISATION))) as server:
        yield server


@pytest.fixture
def down() -> str:
    """Where a tool server was, and is no more."""
    with contextlib.closing(ToolServer()) as server:
        return server.url


@pytest.fixture
async def shop(shared_database: Database, temporal: Client, tmp_path: Path) -> AsyncIterator[Api]:
    async with shop_with(shared_database, temporal, tmp_path, secret_keys=new_key()) as api:
        yield api


@contextlib.asynccontextmanager
async def shop_with(database: Database, temporal: Client, directory: Path, **changes: Any) -> AsyncIterator[Api]:
    """The owner, with these settings."""
    usual = {"egress_allow": ["127.0.0.1"], "data_dir": directory, "tool_timeout_seconds": PATIENCE}
    settings = settings_for(database.url, temporal)
    settings = type(settings).model_validate({**settings.model_dump(), **usual, **changes})
    async with owner(create_app(settings, database, temporal)) as api:
        yield api


async def connect(api: Api, bot: dict[str, Any], url: str, **changes: Any) -> dict[str, Any]:
    """A tool of the server at `url`."""
    fields = {"server_label": "desk", "server_url": url, "transport": "http", **changes}
    answer = await api.post("/tool", bot_id=bot["id"], **fields)
    assert answer.status_code == 200, answer.text
    tool: dict[str, Any] = answer.json()["tool"]
    return tool


async def read(api: Api, bot: dict[str, Any], tool: dict[str, Any]) -> dict[str, Any]:
    """The tool as the API shows it now."""
    shown: dict[str, Any] = (await api.get(f"/tool/{tool['id']}", bot_id=bot["id"])).json()["tool"]
    return shown


async def ask(api: Api, bot: dict[str, Any], tool: dict[str, Any], call: str) -> Any:
    """`refresh` or `test`, as published clients send them: a POST whose fields are in the query."""
    query = {"project_id": api.project.uuid, "bot_id": bot["id"]}
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    return await api.http.post(f"/v1/bot/tool/{tool['id']}/{call}", params=query, headers=headers)
