"""A provider whose answers are raw, and the real client libraries that ask it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from heartbeat.agents.client import ProviderClients
from tests.support.providers import settings_for
from tests.support.raw_provider import RawProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[RawProvider]:
    with RawProvider() as server:
        yield server


@pytest.fixture(scope="module")
async def clients(provider: RawProvider) -> AsyncIterator[ProviderClients]:
    provider_clients = ProviderClients(settings_for(provider))
    yield provider_clients
    await provider_clients.close()
