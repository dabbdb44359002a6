"""Whatever JSON a server sends and a model writes: it is read, and nothing of it breaks a run."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heartbeat.agents.tools.arguments import read_arguments
from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.envelopes import event_data, message
from heartbeat.agents.tools.mcp.listing import Listing
from heartbeat.agents.tools.mcp.replies import fitting
from heartbeat.agents.tools.mcp.results import is_error, result_text
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import describe_change, is_as_pinned, pinned_entries
from tests.support.seeds import NOW

SHOP = McpServer("tool_1", "shop", "http", "https://shop.example/mcp")
# What is read, so that much of what is made up means something.
NAMES = [
    "content",
    "text",
    "type",
    "data",
    "resource",
    "uri",
    "structuredContent",
    "isError",
    "name",
    "inputSchema",
    "properties",
    "required",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "enum",
    "items",
    "tools",
    "nextCursor",
    "annotations",
    "readOnlyHint",
    "result",
    "error",
    "id",
    "method",
    "jsonrpc",
    "code",
    "message",
    "object",
]
KEYS = st.sampled_from([*NAMES, "x"]) | st.text(max_size=3)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | KEYS
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=6)
TOOLS = st.fixed_dictionaries(
    {"name": KEYS, "inputSchema": OBJECTS}, optional={"description": JSON, "annotations": JSON}
)


@given(JSON, st.sampled_from(["tools/call", "tools/list", "initialize", "server/discover"]))
def test_any_body_is_one_message_for_its_request(body: Any, method: str) -> None:
    asked = {"id": 7, "method": method}
    answer = message(json.dumps(body).encode(), asked, "application/json")
    assert (answer["jsonrpc"], answer["id"], ("result" in answer) ^ ("error" in answer)) == ("2.0", 7, True)
    if "result" in answer:
        assert isinstance(answer["result"], dict)
        json.dumps(fitting(method, answer["result"]))
    else:
        assert isinstance(answer["error"]["code"], int) & isinstance(answer["error"]["message"], str)
    event_data(json.dumps(body).encode(), asked)
    event_data(json.dumps(body).encode(), {})


@given(OBJECTS)
def test_any_result_is_words(result: dict[str, Any]) -> None:
    assert result_text(result, SHOP, 1_000)
    assert is_error(result) in (True, False)


@given(st.lists(JSON | TOOLS, max_size=4))
def test_any_tool_is_offered_as_an_object_or_left_out(tools: list[Any]) -> None:
    listing = Listing()
    listing.add({"tools": tools})
    assert len(listing.tools) + len(listing.left_out) <= len(tools)
    entries = pinned_entries(listing.tools.values(), [])
    for entry in entries:
        assert is_as_pinned(entry, listing.tools[entry["name"]])
        assert describe_change(entry, None, NOW)["gone"]
    for tool in define_tools([ConnectedServer(SHOP, entries)]):
        schema = tool.schema
        assert (schema["type"], isinstance(schema["properties"], dict)) == ("object", True)
        assert not {"anyOf", "oneOf", "allOf", "enum", "not"} & schema.keys()
        assert set(schema.get("required", ())) <= schema["properties"].keys()


@given(OBJECTS, JSON)
def test_any_arguments_are_read(schema: dict[str, Any], written: Any) -> None:
    arguments = read_arguments(json.dumps(written), {"type": "object", "properties": {"x": schema}})
    assert arguments is None or isinstance(arguments, dict)
    whole = read_arguments(
        json.dumps({"x": written}), {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    )
    assert whole is not None
    assert whole.keys() == {"x"}
