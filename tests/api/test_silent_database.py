"""PostgreSQL stands still, with every connection open: the API says so and goes on afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from temporalio.client import Client

from api.main import create_app
from heartbeat.store.database.database import Database
from tests.support.api import Api, error_of, owner, settings_for
from tests.support.databases import fresh_database
from tests.support.patience import PATIENCE, until
from tests.support.stopped_postgres import stopped_server

SECONDS = 1.0


@pytest.fixture
async def hurried(request: pytest.FixtureRequest, temporal: Client) -> AsyncIterator[Api]:
    """An owner whose API waits a second for PostgreSQL."""
    url = fresh_database(request, "postgresql")
    settings = settings_for(url, temporal).model_copy(update={"database_timeout_seconds": SECONDS})
    with closing(Database(url, SECONDS)) as database:
        async with owner(create_app(settings, database, temporal)) as api:
            yield api


async def test_every_request_is_answered(hurried: Api) -> None:
    bot = await hurried.bot()
    with stopped_server(hurried.database):
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*(hurried.get("/read", bot_id=bot["id"]) for _ in range(12)))
            assert {error_of(answer, 503)["code"] for answer in answers} == {"database_unavailable"}
            assert {answer.headers["retry-after"] for answer in answers} == {"5"}
            keyed = await hurried.call("POST", "/create", {"name": "x", "model": "m"}, idempotency_key="k")
            assert error_of(keyed, 503)["code"] == "database_unavailable"
            assert error_of(await hurried.http.get("/readyz"), 503)["checks"]["database"] is False
    answer = await until(lambda: hurried.get("/read", bot_id=bot["id"]), lambda answer: answer.status_code == 200)
    assert answer.json()["bot"]["id"] == bot["id"]
