"""Owners, on the usual plan and on `starter`, of an application whose clock stands still: requests count by minute."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from temporalio.client import Client

from api.main import create_app
from heartbeat.store.database.database import Database
from tests.support.api import Api, owner, settings_for

NOON = datetime(2026, 11, 20, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
async def api(shared_database: Database, temporal: Client) -> AsyncIterator[Api]:
    settings = settings_for(shared_database.url, temporal)
    async with owner(create_app(settings, shared_database, temporal, now=lambda: NOON)) as api:
        yield api


@pytest.fixture
async def starter(api: Api) -> AsyncIterator[Api]:
    async with owner(api.app, "starter") as starter:
        yield starter
