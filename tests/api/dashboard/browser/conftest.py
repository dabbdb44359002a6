"""A browser, the dashboard that it visits, and people who visit it. What their consoles complain of fails the test."""

import contextlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from pydantic import SecretStr
from sqlalchemy import select
from temporalio.client import Client

import worker
from api.main import create_app
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.chromium import BINARY, Visitors, launched
from tests.support.dashboard import Newcomer, Owner
from tests.support.databases import fresh_database
from tests.support.model_server import ModelServer
from tests.support.person import DESK, PLAIN, Person
from tests.support.seeds import a_project
from tests.support.serving import serving

# In CI they fail without a browser, for a part that did not run proves nothing.
collect_ignore_glob = ["test_*.py"] if BINARY is None and "CI" not in os.environ else []


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """What a browser shows is the same on both kinds of store."""
    return fresh_database(request, "sqlite")


@pytest.fixture
def settings(settings: Settings, model: ModelServer) -> Settings:
    """An installation with a model, whose tools and targets may stand on this machine."""
    changes = {
        "openai_base_url": model.base_url,
        "openai_api_key": SecretStr("test-key"),
        "default_model": "openai:scripted",
        "secret_keys": SecretStr(new_key()),
        "egress_allow": ["127.0.0.1"],
    }
    return settings.model_copy(update=changes)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest.fixture
async def site(settings: Settings, database: Database, temporal: Client) -> AsyncIterator[str]:
    """The address of the dashboard; the schedules that were made there are gone at the end."""
    async with serving(create_app(settings, database, temporal)) as address:
        yield address
    table = columns(Heartbeat)
    for uuid in await database.read(lambda c: c.execute(select(table.c.uuid)).scalars().all()):
        with contextlib.suppress(Exception):
            await temporal.get_schedule_handle(uuid).delete()


@pytest.fixture
async def visitors(chromium: Browser, site: str) -> AsyncIterator[Visitors]:
    """People without a session, each with a browser of their own."""
    visitors = Visitors(chromium, site)
    yield visitors
    await visitors.go()
    assert visitors.complaints == []


@pytest.fixture
async def page(visitors: Visitors, owner: Owner) -> Page:
    """A page whose visitor is signed in as the owner."""
    return await visitors.come_as(owner)


@pytest.fixture(params=[DESK, PLAIN], ids=lambda look: look.name)
async def person(request: pytest.FixtureRequest, visitors: Visitors, owner: Owner) -> Person:
    """The owner, signed in, before the list of heartbeats."""
    page = await visitors.come_as(owner, **request.param.options)
    await page.goto("/")
    return Person(page, request.param)


@pytest.fixture
async def working(settings: Settings, database: Database, temporal: Client) -> AsyncIterator[None]:
    """A worker, whose model is the scripted one."""
    async with worker.running_worker(temporal, database, settings):
        yield


@pytest.fixture
async def newcomer(database: Database, working: None) -> Newcomer:
    def seed(connection: Any) -> Newcomer:
        project = a_project(connection)
        return Newcomer(project, create_key(connection, project, "first", datetime.now(UTC)).secret)

    return await database.write(seed)
