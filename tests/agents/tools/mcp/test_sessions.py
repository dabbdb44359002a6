"""One session of a run with each of its servers: what a server keeps in it, and what becomes of one that is lost."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat.agents.tools.definitions import McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.client import list_tools
from heartbeat.agents.tools.mcp.sessions import Sessions
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain.tool_pins import pinned_entries
from heartbeat.settings import Settings
from tests.support.raw_event_server import RawEventServer
from tests.support.raw_tool_server import PAGES, SESSION_LOST, Answer, Browser, RawToolServer, Received
from tests.support.tool_connections import over_pipes
from tests.support.tool_server import ToolServer

NO_SESSION = (400, {}, {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "No valid session ID"}})


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as desk:
        yield desk


def written(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()]


async def tool_of(desk: RawToolServer, name: str, settings: Settings) -> OfferedTool:
    server = McpServer("tool_1", "web", "http", desk.url)
    [pinned] = pinned_entries([(await list_tools(server, settings)).tools[name]], [])
    return OfferedTool(f"web__{name}", "", {}, server=server, on_server=name, pinned=pinned)


async def test_the_next_call_of_a_run_finds_what_the_last_one_left(
    browser: Browser, sessions: Sessions, settings: Settings
) -> None:
    opening, looking = await tool_of(browser, "open", settings), await tool_of(browser, "look", settings)
    before = browser.times("initialize")
    first = await sessions.call(opening, {}, "log_1", "log_1:2")
    assert first == ToolResult("ok", "a page", new_session=True)
    assert await sessions.call(looking, {}, "log_1", "log_1:4") == ToolResult("ok", "a page")
    assert await sessions.call(looking, {}, "log_2", "log_2:2") == ToolResult("ok", "no page", new_session=True)
    assert browser.times("initialize") - before == 2, "one for each run"
    assert browser.times("tools/list") == 2 + 2, "and one list for each session"


async def test_a_run_that_is_over_leaves_its_session(browser: Browser, sessions: Sessions, settings: Settings) -> None:
    opening, looking = await tool_of(browser, "open", settings), await tool_of(browser, "look", settings)
    await sessions.call(opening, {}, "log_1", "log_1:2")
    sessions.close_run("log_1")
    assert (await sessions.call(looking, {}, "log_1", "log_1:4")).text == "no page"


async def test_calls_side_by_side_share_a_session(browser: Browser, sessions: Sessions, settings: Settings) -> None:
    opening = await tool_of(browser, "open", settings)
    calls = [sessions.call(opening, {}, "log_1", f"log_1:{number}") for number in range(5)]
    assert {result.outcome for result in await asyncio.gather(*calls)} == {"ok"}
    assert len(browser.opened) == 1


async def test_arguments_go_by_the_names_that_their_server_knows(sessions: Sessions, settings: Settings) -> None:
    properties = {"$filter": {"type": "string"}, "日": {"type": "integer"}, "月": {"type": "integer"}, "_": {}}
    odd = {"name": "query", "inputSchema": {"type": "object", "properties": properties, "required": ["$filter"]}}
    with RawToolServer(pages=[{"tools": [odd]}]) as desk:
        server = McpServer("tool_1", "web", "http", desk.url)
        entries = pinned_entries((await list_tools(server, settings)).tools.values(), [])
        [tool] = [one for one in define_tools([ConnectedServer(server, entries)]) if one.server]
        assert (list(tool.schema["properties"]), tool.schema["required"]) == (
            ["_filter", "__2", "__3", "_"],
            ["_filter"],
        )
        await sessions.call(tool, {"_filter": "a", "__2": 1, "__3": 2, "_": 3, "more": 4}, "log_1", "log_1:2")
    assert desk.received[-1].params["arguments"] == {"$filter": "a", "日": 1, "月": 2, "_": 3, "more": 4}


async def test_a_list_is_read_again_when_the_server_says_that_it_changed(
    browser: Browser, sessions: Sessions, settings: Settings
) -> None:
    looking = await tool_of(browser, "look", settings)
    await sessions.call(looking, {}, "log_1", "log_1:2")
    browser.pages = [{"tools": PAGES[:1]}]
    assert (await sessions.call(looking, {}, "log_1", "log_1:4")).outcome == "ok", "nobody said so"
    note = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}

    def noting(received: Received) -> Answer | None:
        if received.method != "tools/call":
            return None
        answer = {"jsonrpc": "2.0", "id": received.id, "result": {"content": "a page"}}
        events = "".join(f"data: {json.dumps(message)}\n\n" for message in (note, answer))
        return 200, {"content-type": "text/event-stream"}, events

    browser.instead = noting
    assert (await sessions.call(looking, {}, "log_1", "log_1:6")).outcome == "ok"
    assert (await sessions.call(looking, {}, "log_1", "log_1:8")).outcome == "changed"


async def test_a_server_has_limits_of_its_own(sessions: Sessions, peer: ToolServer) -> None:
    short = McpServer("tool_1", "desk", "http", peer.url, result_bytes=1_024)
    large = await sessions.call(OfferedTool("desk__large", "", {}, short, "large"), {}, "log_1", "log_1:2")
    assert large.text.startswith("x" * 1_024 + "\n")
    quick = McpServer("tool_2", "desk", "http", peer.url, timeout_seconds=1)
    waiting = await sessions.call(OfferedTool("desk__wait", "", {}, quick, "wait"), {}, "log_1", "log_1:4")
    assert (waiting.outcome, "within 1 seconds" in waiting.text) == ("unknown", True)


@pytest.mark.parametrize("lost", [SESSION_LOST, NO_SESSION], ids=["404", "400"])
async def test_a_session_that_the_server_lost_is_opened_anew(
    browser: Browser, sessions: Sessions, settings: Settings, lost: Answer
) -> None:
    opening, looking = await tool_of(browser, "open", settings), await tool_of(browser, "look", settings)
    await sessions.call(opening, {}, "log_1", "log_1:2")
    old = browser.received[-1].session

    def forgetful(received: Received) -> Answer | None:
        return lost if received.method == "tools/call" and received.session == old else None

    browser.instead = forgetful
    result = await sessions.call(looking, {}, "log_1", "log_1:4")
    assert result == ToolResult("ok", "no page", new_session=True)
    assert browser.times("tools/call") == 3


@pytest.mark.parametrize("status", [400, 404])
async def test_a_session_that_an_sse_server_lost_is_opened_anew(
    sessions: Sessions, settings: Settings, status: int
) -> None:
    with RawEventServer() as desk:
        server = McpServer("tool_1", "web", "sse", desk.url)
        booking = OfferedTool("web__book", "", {}, server=server, on_server="book")
        await sessions.call(booking, {}, "log_1", "log_1:2")
        desk.instead = lambda _: (status, {}, "No such session") if desk.times("initialize") == 1 else None
        result = await sessions.call(booking, {}, "log_1", "log_1:4")
        assert (result.outcome, result.new_session, desk.times("tools/call")) == ("ok", True, 3)


async def test_a_session_that_was_lost_before_its_list_is_read_is_opened_anew(
    browser: Browser, sessions: Sessions, settings: Settings
) -> None:
    opening = await tool_of(browser, "open", settings)
    browser.instead = lambda received: (
        SESSION_LOST if received.method == "tools/list" and browser.times("initialize") == 2 else None
    )
    assert (await sessions.call(opening, {}, "log_1", "log_1:2")).outcome == "ok"
    assert (browser.times("initialize"), browser.times("tools/call")) == (3, 1)


async def test_a_server_that_loses_every_session_is_asked_twice_and_no_more(
    browser: Browser, sessions: Sessions, settings: Settings
) -> None:
    opening = await tool_of(browser, "open", settings)
    browser.instead = lambda received: SESSION_LOST if received.method == "tools/call" else None
    result = await sessions.call(opening, {}, "log_1", "log_1:2")
    assert (result.outcome, browser.times("tools/call")) == ("failed", 2)


async def test_a_proxy_error_is_no_lost_session(browser: Browser, sessions: Sessions, settings: Settings) -> None:
    opening = await tool_of(browser, "open", settings)
    browser.instead = lambda received: (502, {}, "Bad gateway") if received.method == "tools/call" else None
    result = await sessions.call(opening, {}, "log_1", "log_1:2")
    assert (result.outcome, browser.times("tools/call")) == ("unknown", 1)


async def test_a_process_is_kept_for_its_run(sessions: Sessions, journal: Path) -> None:
    server = McpServer("tool_1", "shop", "stdio", command=over_pipes(), env={"TOOL_JOURNAL": str(journal)})
    booking = OfferedTool("shop__book", "", {}, server=server, on_server="book")
    dying = OfferedTool("shop__die", "", {}, server=server, on_server="die")
    for number in (2, 4):
        await sessions.call(booking, {"what": "a table"}, "log_1", f"log_1:{number}")
    assert (await sessions.call(dying, {}, "log_1", "log_1:6")).outcome == "unknown"
    again = await sessions.call(booking, {"what": "a table"}, "log_1", "log_1:8")
    assert again == ToolResult("ok", "Booked a table, number 1.", new_session=True), "it was started again"
    first, second, _, last = [received["pid"] for received in written(journal)]
    assert (first == second, first == last) == (True, False)
