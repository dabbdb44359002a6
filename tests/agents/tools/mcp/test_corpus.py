"""Tool servers as the world has them, each shape a file in tests/corpus/mcp, read through the real SDK.

A newly seen shape is a new file. In `listings`, `pages` are the results of `tools/list`; what they must come to are the
`tools`, those `left_out` and why, the schemas and words that a model is `offered`, and the number of `requests`. In
`replies`, a call is answered with a `result`, or with a whole `message` or `events` (`ID` stands for the id of the
request) or `text`; what it must come to is the `outcome` and the `text` that the model reads.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support.raw_tool_server import Answer, RawToolServer, Received
from tests.support.tool_connections import Speaking

CORPUS = Path(__file__).parents[3] / "corpus" / "mcp"


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


def reply_to(received: Received, shape: dict[str, Any]) -> Answer | None:
    """What answers the call: status, headers and body."""
    if received.method != "tools/call":
        return None
    message = {"jsonrpc": "2.0", "id": "ID", "result": shape.get("result")}
    content = json.dumps(shape.get("message", shape.get("events", message)))
    content = content.replace('"ID AS TEXT"', f'"{received.id}"').replace('"ID"', str(received.id))
    if "events" in shape:
        content = f"event: message\ndata: {content}\n\n"
    return shape.get("status", 200), shape.get("headers", {}), shape.get("text", content)


@pytest.mark.parametrize("shape", shapes("replies"))
async def test_a_reply_is_an_outcome(shape: dict[str, Any], settings: Settings) -> None:
    with RawToolServer(instead=lambda received: reply_to(received, shape)) as desk:
        called = await Speaking(McpServer("tool_1", "srv", "http", desk.url), settings).call("book", what="a table")
    assert desk.times("tools/call") == 1
    assert (called.outcome, called.text.replace("shop__book", "srv__book")) == (
        shape["expect"]["outcome"],
        shape["expect"]["text"],
    )
