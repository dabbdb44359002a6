"""The real application over a real store, and somebody's browser."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from heartbeat.domain.clock import Clock
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from tests.support.dashboard import Browser, Owner, an_owner, browsing


@pytest.fixture
def settings(database_url: str, temporal: Client) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        task_queue=new_id("queue"),
        temporal_address=temporal.service_client.config.target_host,
        drain_seconds=2,
    )


@pytest.fixture
def clock() -> Clock | None:
    """The time of `stranger` and `other`; `None` for that of the machine."""
    return None


@pytest.fixture
async def stranger(
    settings: Settings, database: Database, temporal: Client, clock: Clock | None
) -> AsyncIterator[Browser]:
    """A browser without a session."""
    async with browsing(settings, database, temporal, clock) as browser:
        yield browser


@pytest.fixture
async def other(
    settings: Settings, database: Database, temporal: Client, clock: Clock | None
) -> AsyncIterator[Browser]:
    """Another one."""
    async with browsing(settings, database, temporal, clock) as browser:
        yield browser


@pytest.fixture
async def owner(settings: Settings, database: Database, temporal: Client) -> AsyncIterator[Owner]:
    async with browsing(settings, database, temporal) as browser:
        dashboard_owner = await an_owner(settings, database, temporal, browser, "Acme")
        assert (await browser.sign_in(dashboard_owner.key)).status_code == 303
        yield dashboard_owner
