"""Tools and their servers: connected to a real MCP server, asked again, tried, found changed, pointed elsewhere."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from api.schemas.tool_objects import OneTool, ToolTried
from api.tool_registration import ToolListing, fingerprint
from heartbeat.agents.tools.definitions import DiscoveredTool
from heartbeat.store.tools.servers import mark_changed
from tests.support.api import Api, error_of, wrong_fields
from tests.support.patience import PATIENCE
from tests.support.tool_owner import ask, connect, read
from tests.support.tool_server import ToolServer

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def entry(tool: dict, name: str) -> dict[str, Any]:
    [row] = [one for one in tool["tools"] if one["name"] == name]
    return row


def test_what_is_merely_written_down_otherwise_is_the_same_listing() -> None:
    def listing(required: list[str]) -> str:
        schema = {"type": "object", "properties": {"a": {}, "b": {}}, "required": required}
        return fingerprint(ToolListing([DiscoveredTool("book", "Books.", schema, {})]))

    assert listing(["a", "b"]) == listing(["b", "a"]) != listing(["a"])


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_connecting_shows_what_the_server_offers(shop: Api, desk: ToolServer, transport: str) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.sse_url if transport == "sse" else desk.url, transport=transport)
    OneTool.model_validate({"tool": tool}, extra="forbid")
    assert [one["name"] for one in tool["tools"]] == [one.name for one in desk.tools()]
    assert entry(tool, "book") == {
        "name": "book",
        "description": "Book something.",
        "is_active": True,
        "schema": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
        "annotations": {},
        "reads": None,
        "changed": None,
    }
    assert entry(tool, "put_note")["annotations"] == {"idempotentHint": True}
    assert (tool["last_error"], tool["refreshed_at"]) == (None, tool["created_at"])
    assert await read(shop, bot, tool) == tool
    assert desk.made == []


async def test_a_well_known_server_is_connected_by_name_and_what_is_sent_wins(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    # Of the template are the label and the risks; its own address is asked nothing.
    sent = {"server_url": desk.url, "server_label": " ", "template": "linear", "bot_id": bot["id"]}
    tool = (await shop.post("/tool", **sent)).json()["tool"]
    assert (tool["server_label"], tool["server_url"]) == ("linear", desk.url)
    assert tool["risks"] == ["private_data", "untrusted_text", "outside_action"]
    assert len(tool["tools"]) == len(desk.tools())
    # As the Node client writes it.
    sent = {"name": "mine", "config": {"url": desk.url, "risks": []}, "template": "linear", "bot_id": bot["id"]}
    tool = (await shop.post("/tool", **sent)).json()["tool"]
    assert (tool["server_label"], tool["server_url"], tool["risks"]) == ("mine", desk.url, [])


async def test_a_server_that_is_not_well_known_is_refused_with_those_that_are(shop: Api) -> None:
    bot = await shop.bot()
    for template in ("linea", {"server_url": "https://tools.example.com"}):
        answer = await shop.post("/tool", bot_id=bot["id"], template=template)
        assert wrong_fields(answer) == ["template"]
        message = error_of(answer, 400)["message"]
        assert message.startswith("template: must be one of asana, atlassian, ")
        assert "linear" in message
    answer = await shop.post("/tool", bot_id=bot["id"], template="")
    assert wrong_fields(answer) == ["server_label", "server_url"]


async def test_a_server_that_is_down_is_kept_and_refreshed_later(shop: Api, down: str) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, down)
    assert (tool["tools"], tool["refreshed_at"]) == ([], None)
    assert tool["last_error"] == "The tool server desk cannot be reached: nothing listens at its address."
    refused = error_of(await ask(shop, bot, tool, "refresh"), 400)
    assert (refused["code"], refused["message"]) == ("tool_server_down", tool["last_error"])
    back = ToolServer(port=int(down.rsplit(":", 1)[1].partition("/")[0]))
    try:
        answer = (await ask(shop, bot, tool, "refresh")).json()
    finally:
        back.close()
    assert answer == {"success": True, "message": f"desk offers {len(back.tools())} tools."}
    refreshed = await read(shop, bot, tool)
    assert (refreshed["last_error"], len(refreshed["tools"])) == (None, len(back.tools()))
    error_of(await ask(shop, bot, tool, "refresh"), 400)
    lost = await read(shop, bot, tool)
    assert lost["last_error"] == "The tool server desk cannot be reached: nothing listens at its address."
    assert (lost["tools"], lost["refreshed_at"]) == (refreshed["tools"], refreshed["refreshed_at"])


async def test_trying_a_connection_stores_nothing(shop: Api, desk: ToolServer, down: str) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    desk.hidden = {"book"}
    answer = (await ask(shop, bot, tool, "test")).json()
    ToolTried.model_validate(answer, extra="forbid")
    count = len(desk.tools())
    assert answer == {"success": True, "message": f"desk answers, and offers {count} tools.", "tools_count": count}
    assert await read(shop, bot, tool) == tool
    gone = await connect(shop, bot, down, server_label="gone")
    answer = (await ask(shop, bot, gone, "test")).json()
    assert answer == {
        "success": False,
        "message": "The tool server gone cannot be reached: nothing listens at its address.",
        "tools_count": 0,
    }
    assert await read(shop, bot, gone) == gone


@pytest.mark.parametrize("call", ["refresh", "test"])
async def test_there_must_be_a_tool_to_ask(shop: Api, desk: ToolServer, call: str) -> None:
    mine, other = await shop.bot(), await shop.bot()
    tool = await connect(shop, mine, desk.url)
    assert error_of(await ask(shop, other, tool, call), 404)["code"] == "tool_not_found"
    assert error_of(await ask(shop, mine, {"id": "tool_no"}, call), 404)["code"] == "tool_not_found"


async def test_a_tool_that_changed_shows_how_and_refresh_takes_it(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    await shop.post(f"/tool/{tool['id']}/toggle", bot_id=bot["id"], tool_name="book", is_active=False)
    before = await read(shop, bot, tool)
    where = {"type": "string", "description": "A town."}
    now = {"type": "object", "properties": {"town": where, "days": where}}
    changed = DiscoveredTool("forecast", "The weather.", now, {"readOnlyHint": True})

    def work(connection: Any) -> None:
        mark_changed(connection, tool["id"], "forecast", changed, NOW)
        mark_changed(connection, tool["id"], "wait", None, NOW)
        mark_changed(connection, tool["id"], "nobody", None, NOW)
        mark_changed(connection, "stdio:files", "forecast", None, NOW)

    await shop.database.write(work)
    shown = await read(shop, bot, tool)
    OneTool.model_validate({"tool": shown}, extra="forbid")
    forecast, wait = entry(shown, "forecast")["changed"], entry(shown, "wait")["changed"]
    assert (forecast["gone"], forecast["seen_at"], wait["gone"]) == (False, NOW.isoformat(), True)
    lines = forecast["difference"].splitlines()
    assert lines[:2] == ["--- pinned", "+++ now"]
    assert '+    "days": {' in lines
    assert [line for line in lines[2:] if line.startswith("-")] == []
    assert "-Answers when it is released." in wait["difference"].splitlines()
    assert {one["name"] for one in shown["tools"] if one["changed"]} == {"forecast", "wait"}
    assert {**shown, "tools": before["tools"]} == before, "nobody edited it"

    desk.changed, desk.hidden = True, {"wait"}
    assert (await ask(shop, bot, tool, "refresh")).json()["success"] is True
    shown = await read(shop, bot, tool)
    assert [one["name"] for one in shown["tools"]] == [one.name for one in desk.tools()]
    assert all(one["changed"] is None for one in shown["tools"])
    assert [one["name"] for one in shown["tools"] if not one["is_active"]] == ["book"]
    assert entry(shown, "forecast")["schema"] == now


async def test_two_that_change_at_once_are_both_marked(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    names = [one["name"] for one in tool["tools"]]

    async def mark(name: str) -> None:
        await shop.database.write(mark_changed, tool["id"], name, None, NOW)

    await asyncio.gather(*(mark(name) for name in names))
    assert all(one["changed"]["gone"] for one in (await read(shop, bot, tool))["tools"])


async def test_a_tool_that_is_pointed_elsewhere_is_asked_anew(shop: Api, desk: ToolServer, down: str) -> None:
    other = ToolServer()
    other.hidden = {"book"}
    try:
        bot = await shop.bot()
        tool = await connect(shop, bot, desk.url)
        path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
        renamed = (await shop.put(path, **which, server_label="Front desk")).json()["tool"]
        assert (renamed["server_label"], renamed["refreshed_at"]) == ("Front desk", tool["refreshed_at"])
        moved = (await shop.put(path, **which, server_url=other.url)).json()["tool"]
        assert [one["name"] for one in moved["tools"]] == [one.name for one in other.tools()]
    finally:
        other.close()
    lost = (await shop.put(path, **which, server_url=down)).json()["tool"]
    assert (lost["server_url"], lost["tools"]) == (down, moved["tools"])
    assert lost["last_error"] == "The tool server Front desk cannot be reached: nothing listens at its address."


async def test_what_a_server_said_is_not_written_over_another_ones_address(
    shop: Api, desk: ToolServer, down: str
) -> None:
    bot = await shop.bot()
    tool = await connect(shop, bot, desk.url)
    path, which = f"/tool/{tool['id']}", {"bot_id": bot["id"]}
    offered, heard, released = desk.tools(), threading.Event(), threading.Event()

    def slowly() -> list[Any]:
        heard.set()
        assert released.wait(PATIENCE)
        return offered

    desk.tools = slowly  # type: ignore[method-assign]
    asking = asyncio.create_task(ask(shop, bot, tool, "refresh"))
    assert await asyncio.to_thread(heard.wait, PATIENCE)
    await shop.put(path, **which, server_url=down)
    released.set()
    assert error_of(await asking, 409)["code"] == "tool_changed"
    assert (await read(shop, bot, tool))["server_url"] == down


async def test_more_than_a_model_can_be_told_is_not_kept(shop: Api, desk: ToolServer) -> None:
    bot = await shop.bot()
    tools = desk.tools()
    desk.tools = lambda: [tool.model_copy(update={"description": "x" * 60_000}) for tool in tools]  # type: ignore[method-assign]
    tool = await connect(shop, bot, desk.url)
    assert "at most 500,000 can be told to a model" in tool["last_error"]
    assert tool["tools"] == []


def test_an_api_that_speaks_to_no_server_has_not_loaded_what_it_would_need() -> None:
    look = "import api.main, sys; print(sorted({'mcp', 'httpx2', 'anthropic', 'openai', 'rich'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
