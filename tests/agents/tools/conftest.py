"""A tool server for each test, and the four ways to speak to one."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer
from heartbeat.settings import Settings
from tests.support.guarded import inside
from tests.support.patience import PATIENCE
from tests.support.tool_connections import Speaking, over_pipes
from tests.support.tool_server import ToolServer

__all__ = ["inside"]

# A process takes most of a second to start: what it offers is looked up once.
OVER_PIPES: dict[str, DiscoveredTool] = {}


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, egress_allow=["127.0.0.1/32"], tool_timeout_seconds=PATIENCE)


@pytest.fixture
def peer() -> Iterator[ToolServer]:
    with contextlib.closing(ToolServer()) as server:
        yield server


@pytest.fixture
def old_peer() -> Iterator[ToolServer]:
    """A server that knows the protocol of 2025 alone."""
    with contextlib.closing(ToolServer(modern=False)) as server:
        yield server


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where a server that runs in a process of its own writes its calls."""
    return tmp_path / "journal"


@pytest.fixture(params=["http", "http of 2025", "sse", "stdio"])
async def speaking(request: pytest.FixtureRequest, settings: Settings, journal: Path) -> Speaking:
    way = Speaking(server(request, request.param, journal), settings)
    if request.param == "stdio" and OVER_PIPES:
        return replace(way, pinned=OVER_PIPES)
    await way.connect()
    if request.param == "stdio":
        OVER_PIPES.update(way.pinned)
    return way


@pytest.fixture(params=["http", "http of 2025", "sse"])
async def over_http(request: pytest.FixtureRequest, settings: Settings, journal: Path) -> Speaking:
    way = Speaking(server(request, request.param, journal), settings)
    await way.connect()
    return way


def server(request: pytest.FixtureRequest, way: str, journal: Path) -> McpServer:
    if way == "stdio":
        return McpServer("tool_1", "shop", "stdio", command=over_pipes(), env={"TOOL_JOURNAL": str(journal)})
    desk: ToolServer = request.getfixturevalue("old_peer" if way == "http of 2025" else "peer")
    if way == "sse":
        return McpServer("tool_1", "shop", "sse", desk.sse_url)
    return McpServer("tool_1", "shop", "http", desk.url)
