"""The real application over a real store and a real Temporal, and a client that holds a key of one project."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from temporalio.client import Client

import worker
from api.main import create_app
from heartbeat.store.database.database import Database
from tests.support.api import Api, owner, settings_for
from tests.support.databases import fresh_database
from tests.support.model_server import ModelServer, Reply, says
from tests.support.notified_owner import ours
from tests.support.tool_owner import down, locked_desk, shop

__all__ = ["down", "locked_desk", "ours", "shop"]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One store of each kind for all tests that need no store of their own: they share no project."""
    with contextlib.closing(Database(fresh_database(request, request.param))) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_app(shared_database: Database, temporal: Client) -> FastAPI:
    return create_app(settings_for(shared_database.url, temporal), shared_database, temporal)


@pytest.fixture
async def api(shared_app: FastAPI) -> AsyncIterator[Api]:
    """An owner on the application that tests share."""
    async with owner(shared_app) as api:
        yield api


@pytest.fixture
async def alone(database: Database, temporal: Client) -> AsyncIterator[Api]:
    """An owner who has the application, the store and the task queue to itself."""
    async with owner(create_app(settings_for(database.url, temporal), database, temporal)) as api:
        yield api


@pytest.fixture
def never(model: ModelServer) -> Iterator[Reply]:
    """An answer that does not come while the test runs."""
    let_go = threading.Event()
    yield replace(says("Too late."), wait_for=let_go)
    let_go.set()


@pytest.fixture
async def working(alone: Api, model: ModelServer) -> AsyncIterator[Api]:
    """The owner who is alone, with a worker whose models are the scripted one."""
    settings = alone.settings.model_copy(update={"openai_base_url": model.base_url})
    async with worker.running_worker(alone.temporal, alone.database, settings):
        yield alone
