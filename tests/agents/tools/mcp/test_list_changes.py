"""A server that says in the middle of a run that its list of tools changed."""

from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.listing import CUT, MAX_PAGES
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support.patience import until
from tests.support.raw_tool_server import RawToolServer


async def test_it_is_heard_and_the_list_is_read_anew(
    workshop: McpServer, sessions: Sessions, settings: Settings
) -> None:
    entries = pinned_entries((await list_tools(workshop, settings)).tools.values(), [])
    tools = {tool.on_server: tool for tool in define_tools([ConnectedServer(workshop, entries)]) if tool.server}

    async def call(tool: OfferedTool, number: int, **arguments: str) -> str:
        return (await sessions.call(tool, arguments, "log_1", f"log_1:{number}")).text

    assert await call(tools["saw"], 2, what="a plank") == "Sawed a plank."
    assert await sessions.changed_listings("log_1") == {}

    async def rearranged() -> bool:
        # Once more, should it have been done before the server was asked to say so.
        await call(tools["rearrange"], 4)
        return workshop.uuid in await sessions.changed_listings("log_1")

    await until(rearranged)
    [listing] = (await sessions.changed_listings("log_1")).values()
    assert (list(listing.tools), listing.tools["saw"].description) == (
        ["rearrange", "sand", "burn", "paint", "saw", "file", "read_resource", "get_prompt"],
        "Saw something, once or twice.",
    )
    assert await sessions.changed_listings("log_2") == {}, "another run has another session"


async def test_a_list_without_an_end_is_cut_and_says_so(settings: Settings) -> None:
    pages = [{"tools": [{"name": f"tool_{number}"}], "nextCursor": f"{number}"} for number in range(MAX_PAGES + 1)]
    with RawToolServer(pages=pages) as desk:
        listing = await list_tools(McpServer("tool_1", "desk", "http", desk.url), settings)
        assert desk.times("tools/list") == MAX_PAGES
    assert (len(listing.tools), listing.warning) == (MAX_PAGES, CUT)
