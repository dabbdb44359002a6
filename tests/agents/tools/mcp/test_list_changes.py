"""A server that says in the middle of a run that its list of tools changed."""

import contextlib
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.listing import CUT, MAX_PAGES
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support.patience import until
from tests.support.raw_tool_server import RawToolServer
from tests.support.workshop import Workshop

OVER_PIPES = (sys.executable, "-m", "tests.support.workshop")


@pytest.fixture(params=["http", "http of 2025", "stdio"])
def server(request: pytest.FixtureRequest) -> Iterator[McpServer]:
    if request.param == "stdio":
        yield McpServer("tool_1", "workshop", "stdio", command=OVER_PIPES)
        return
    with contextlib.closing(Workshop(modern=request.param == "http")) as desk:
        yield McpServer("tool_1", "workshop", "http", desk.url)


@pytest.fixture
async def sessions(settings: Settings) -> AsyncIterator[Sessions]:
    async with contextlib.aclosing(Sessions(settings)) as held:
        yield held


async def test_it_is_heard_and_the_list_is_read_anew(server: McpServer, sessions: Sessions, settings: Settings) -> None:
    entries = pinned_entries((await list_tools(server, settings)).tools.values(), [])
    tools = {tool.on_server: tool for tool in define_tools([ConnectedServer(server, entries)]) if tool.server}

    async def call(tool: OfferedTool, number: int, **arguments: str) -> str:
        return (await sessions.call(tool, arguments, "log_1", f"log_1:{number}")).text

    assert await call(tools["saw"], 2, what="a plank") == "Sawed a plank."
    assert await sessions.changed_listings("log_1") == {}

    async def rearranged() -> bool:
        # Once more, should it have been done before the server was asked to say so.
        await call(tools["rearrange"], 4)
        return server.uuid in await sessions.changed_listings("log_1")

    await until(rearranged)
    [listing] = (await sessions.changed_listings("log_1")).values()
    assert (list(listing.tools), listing.tools["saw"].description) == (
        ["rearrange", "saw", "file"],
        "Saw something, once or twice.",
    )
    assert await sessions.changed_listings("log_2") == {}, "another run has another session"


async def test_a_list_without_an_end_is_cut_and_says_so(settings: Settings) -> None:
    pages = [{"tools": [{"name": f"tool_{number}"}], "nextCursor": f"{number}"} for number in range(MAX_PAGES + 1)]
    with RawToolServer(pages=pages) as desk:
        listing = await list_tools(McpServer("tool_1", "desk", "http", desk.url), settings)
        assert desk.times("tools/list") == MAX_PAGES
    assert (len(listing.tools), listing.warning) == (MAX_PAGES, CUT)
