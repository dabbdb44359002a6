"""Tool servers as the world has them, each shape a file in tests/corpus/mcp, read through the real SDK.

A newly seen shape is a new file. In `listings`, `pages` are the results of `tools/list`; what they must come to are the
`tools`, those `left_out` and why, the schemas and words that a model is `offered`, and the number of `requests`. In
`replies`, a call is answered with a `result`, or with a whole `message` or `events` (`ID` stands for the id of the
request) or `text`; what it must come to is the `outcome` and the `text` that the model reads.
"""

import json
from contextlib import aclosing
from typing import Any

import pytest

from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support.raw_event_server import RawEventServer
from tests.support.raw_pipe_server import COMMAND
from tests.support.raw_tool_server import Answer, RawToolServer, Received
from tests.support.tool_connections import Speaking
from tests.support.tool_replies import CORPUS, message_of, reply_to


def shapes(kind: str) -> list[Any]:
    return [pytest.param(json.loads(path.read_text()), id=path.stem) for path in sorted((CORPUS / kind).glob("*.json"))]


@pytest.mark.parametrize("shape", shapes("listings"))
async def test_a_listing_comes_to_what_can_be_offered(shape: dict[str, Any], settings: Settings) -> None:
    with RawToolServer(pages=shape["pages"]) as desk:
        server = McpServer("tool_1", "srv", "http", desk.url)
        listing = await list_tools(server, settings)
    expected = shape["expect"]
    assert list(listing.tools) == expected["tools"]
    assert listing.left_out == expected.get("left_out", [])
    assert all(reason in (listing.warning or "") for reason in listing.left_out)
    assert desk.times("tools/list") == expected.get("requests", 1)
    connected = ConnectedServer(server, pinned_entries(listing.tools.values(), []))
    offered = {tool.on_server: tool for tool in define_tools([connected]) if tool.server}
    assert len(offered) == len(listing.tools)
    for name, schema in expected.get("offered", {}).items():
        assert offered[name].schema == schema
    for name, words in expected.get("description", {}).items():
        assert words in offered[name].description
    if names := expected.get("names"):
        assert [tool.name for tool in offered.values()] == names


@pytest.mark.parametrize("shape", shapes("replies"))
async def test_a_reply_is_an_outcome(shape: dict[str, Any], settings: Settings) -> None:
    with RawToolServer(instead=lambda received: reply_to(received, shape)) as desk:
        called = await Speaking(McpServer("tool_1", "srv", "http", desk.url), settings).call("book", what="a table")
    assert desk.times("tools/call") == 1
    assert (called.outcome, called.text.replace("shop__book", "srv__book")) == (
        shape["expect"]["outcome"],
        shape["expect"]["text"],
    )


def named_replies() -> dict[str, dict[str, Any]]:
    """The replies that name their request, which those have to that come on a pipe or a stream with others."""
    replies = {shape.id: shape.values[0] for shape in shapes("replies")}
    is_message = {"result", "message"}
    return {name: reply for name, reply in replies.items() if is_message & reply.keys() and '"ID' in message_of(reply)}


@pytest.mark.parametrize("line_end", [b"\n", b"\r"], ids=["lf", "cr"])
async def test_a_reply_is_an_outcome_on_a_stream_of_events(settings: Settings, line_end: bytes) -> None:
    replies = named_replies()
    with RawEventServer(instead=lambda received: _reply_named(received, replies)) as desk:
        desk.line_end = line_end
        outcomes = await outcomes_of(replies, McpServer("tool_1", "srv", "sse", desk.url), settings)
    assert outcomes == {name: tuple(reply["expect"].values()) for name, reply in replies.items()}


def _reply_named(received: Received, replies: dict[str, dict[str, Any]]) -> Answer | None:
    return reply_to(received, replies.get(received.params.get("arguments", {}).get("name"), {}))


async def test_a_reply_is_an_outcome_over_a_pipe(settings: Settings) -> None:
    replies = named_replies()
    outcomes = await outcomes_of(replies, McpServer("tool_1", "srv", "stdio", command=COMMAND), settings)
    assert outcomes == {name: tuple(reply["expect"].values()) for name, reply in replies.items()}


async def outcomes_of(
    replies: dict[str, dict[str, Any]], server: McpServer, settings: Settings
) -> dict[str, tuple[str, str]]:
    """Call a tool in one session, once for each reply."""
    tool = OfferedTool("srv__book", "", {}, server=server, on_server="book")
    outcomes: dict[str, tuple[str, str]] = {}
    async with aclosing(Sessions(settings)) as sessions:
        for name, reply in replies.items():
            called = await sessions.call(tool, {"name": name, "reply": message_of(reply)}, "log_1", f"log_1:{name}")
            outcomes[name] = (called.outcome, called.text)
    return outcomes
