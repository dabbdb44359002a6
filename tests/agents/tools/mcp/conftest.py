"""The workshop over each transport, and the sessions of a worker."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.settings import Settings
from tests.support import pipe_servers
from tests.support.workshop import Workshop


@pytest.fixture(params=["http", "http of 2025", "stdio"])
def workshop(request: pytest.FixtureRequest) -> Iterator[McpServer]:
    if request.param == "stdio":
        yield McpServer("tool_1", "workshop", "stdio", command=pipe_servers.command("tests.support.workshop"))
        return
    with contextlib.closing(Workshop(modern=request.param == "http")) as desk:
        yield McpServer("tool_1", "workshop", "http", desk.url)


@pytest.fixture
async def sessions(settings: Settings) -> AsyncIterator[Sessions]:
    async with contextlib.aclosing(Sessions(settings)) as held:
        yield held
