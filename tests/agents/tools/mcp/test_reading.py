"""Resources and prompts of a server, read by tools that stand among its own."""

import contextlib
import itertools
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer

from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.listing import Listing
from heartbeat.agents.tools.mcp.reading import GET_PROMPT, READ_RESOURCE
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import is_as_pinned, pinned_entries
from heartbeat.settings import Settings
from tests.support.raw_tool_server import Answer, RawToolServer, Received
from tests.support.tool_server import ToolServer
from tests.support.workshop import Workshop

RESOURCES = """\
[link: plan://chair, The chair, text/plain: How a chair is made.]
[link: plan://picture, image/png]
[link: plan://{name}/{step}, text/plain: One step of a plan.]"""
READ = {
    "a list": ("read_resource", {}, RESOURCES),
    "a text": ("read_resource", {"uri": "plan://chair"}, "Four legs and a seat."),
    "a picture": ("read_resource", {"uri": "plan://picture"}, "[file plan://picture, image/png, 2 KB]"),
    "one by a template": ("read_resource", {"uri": "plan://chair/2"}, "Step 2 of chair."),
    "a list of prompts": ("get_prompt", {"name": " "}, "mend(what, hurry?): How to mend something."),
    "a prompt": (
        "get_prompt",
        {"name": "mend", "arguments": {"what": "a leg", "hurry": True}},
        "user:\nMend a leg at once.",
    ),
}


def offered(server: McpServer, listing: Listing, **fields: Any) -> dict[str, OfferedTool]:
    connected = ConnectedServer(server, pinned_entries(listing.tools.values(), []), **fields)
    return {tool.on_server: tool for tool in define_tools([connected]) if tool.server}


async def test_what_a_server_has_to_read_is_read(workshop: McpServer, sessions: Sessions, settings: Settings) -> None:
    tools = offered(workshop, await list_tools(workshop, settings))
    for number, (name, arguments, text) in enumerate(READ.values()):
        result = await sessions.call(tools[name], arguments, "log_1", f"log_1:{number}")
        assert (result.outcome, result.text) == ("ok", text)
    missing = await sessions.call(tools["read_resource"], {"uri": "plan://"}, "log_1", "log_1:99")
    assert (missing.outcome, "plan://" in missing.text) == ("failed", True)


async def test_it_is_offered_only_where_there_is_something_to_read(peer: ToolServer, settings: Settings) -> None:
    class Bare(Workshop):
        server = staticmethod(lambda: MCPServer("bare"))

    with contextlib.closing(Bare()) as bare:
        for url in (bare.url, peer.url):
            listing = await list_tools(McpServer("tool_1", "desk", "http", url), settings)
            assert not {READ_RESOURCE.name, GET_PROMPT.name} & set(listing.tools)


async def test_it_has_the_risks_and_the_approvals_of_its_server(settings: Settings) -> None:
    server = McpServer("tool_1", "desk", "http", "https://desk.example/mcp")
    listing = Listing({READ_RESOURCE.name: READ_RESOURCE})
    tool = offered(server, listing, risks=["private_data", "outside_action"], require_approval="always")[
        "read_resource"
    ]
    assert (tool.risks, tool.needs_approval, tool.acts, tool.idempotent) == (
        frozenset({"private_data"}),
        True,
        False,
        True,
    )


@pytest.mark.parametrize("now", [READ_RESOURCE, GET_PROMPT])
def test_it_is_pinned_by_what_it_reads(now: Any) -> None:
    [entry] = pinned_entries([READ_RESOURCE], [])
    assert is_as_pinned({**entry, "description": "Of another version."}, now) == (now is READ_RESOURCE)
    own = {**entry, "reads": None}
    assert not is_as_pinned(own, now), "a tool of the server's own that was called the same"


DECLARED = {"capabilities": {"tools": {}, "resources": {}, "prompts": {}}}


def answering(results: dict[str, Any]) -> RawToolServer:
    """A server that declares resources and prompts; what it has no result for, it has no method for."""

    def instead(received: Received) -> Answer | None:
        result = results.get(received.method)
        if result is None:
            return None
        answer = {"error": result} if "code" in result else {"result": result}
        return 200, {}, {"jsonrpc": "2.0", "id": received.id, **answer}

    return RawToolServer(introduction=DECLARED, instead=instead)


async def test_a_server_that_declares_more_than_it_can_list_offers_none_of_it(settings: Settings) -> None:
    with answering({}) as desk:
        listing = await list_tools(McpServer("tool_1", "desk", "http", desk.url), settings)
    assert list(listing.tools) == ["book"]


async def test_a_list_without_end_and_odd_messages_are_read_as_far_as_they_go(
    sessions: Sessions, settings: Settings
) -> None:
    pages = ({"resources": [{"uri": f"plan://{number}"}], "nextCursor": f"{number}"} for number in itertools.count())
    prompts = {"prompts/list": {"prompts": ["mend"]}, "prompts/get": {"messages": ["Mend a leg."]}}
    endless = answering(prompts)
    others = endless.instead
    endless.instead = lambda received: (
        (200, {}, {"jsonrpc": "2.0", "id": received.id, "result": next(pages)})
        if received.method == "resources/list"
        else others(received)
    )
    with endless as desk:
        server = McpServer("tool_1", "desk", "http", desk.url)
        tools = offered(server, await list_tools(server, settings))
        every = await sessions.call(tools["read_resource"], {}, "log_1", "log_1:1")
        mended = await sessions.call(tools["get_prompt"], {"name": "mend"}, "log_1", "log_1:2")
    assert "plan://1" in every.text
    assert every.text.endswith("pages, and was read no further.)")
    assert "Mend a leg." in mended.text


async def test_a_list_that_fails_is_a_call_that_failed(sessions: Sessions, settings: Settings) -> None:
    with answering({"resources/list": {"code": -32603, "message": "The shelf is locked."}}) as desk:
        server = McpServer("tool_1", "desk", "http", desk.url)
        # Whether there is nothing to read is not known.
        tools = offered(server, await list_tools(server, settings))
        failed = await sessions.call(tools["read_resource"], {}, "log_1", "log_1:1")
    assert (failed.outcome, "The shelf is locked." in failed.text) == ("failed", True)
