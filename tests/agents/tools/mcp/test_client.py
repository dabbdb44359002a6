"""One session with a real tool server, over every transport: what is found, what a call comes to, what is told."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from heartbeat.agents.tools.definitions import DiscoveredTool, McpServer, ToolResult
from heartbeat.agents.tools.mcp import traffic
from heartbeat.agents.tools.mcp.client import ToolServerDown, list_tools
from heartbeat.agents.tools.mcp.failures import CHECK
from heartbeat.settings import Settings
from tests.support.patience import PATIENCE, until
from tests.support.tool_connections import ALONE, KEY, Speaking, over_pipes
from tests.support.tool_server import LARGE, ToolServer

UNSURE = "It may or may not have been carried out"


async def test_every_tool_is_found_on_every_page_and_is_the_same_over_every_transport(
    speaking: Speaking, settings: Settings
) -> None:
    assert list(speaking.pinned)[:6] == ["read_note", "book", "put_note", "wait", "large", "forecast"]
    what = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
    assert speaking.pinned["read_note"] == DiscoveredTool("read_note", "Read a note.", what, {"readOnlyHint": True})
    assert speaking.pinned["put_note"].annotations == {"idempotentHint": True}
    assert speaking.pinned["book"].annotations == {}


async def test_a_call_is_made_once_and_answered(speaking: Speaking, journal: Path) -> None:
    assert await speaking.call("read_note", what="Monday") == ToolResult("ok", "Monday: water the plants.")
    assert await speaking.call("book", what="a table") == ToolResult("ok", "Booked a table, number 1.")


async def test_the_key_goes_with_the_call_and_with_nothing_else(
    peer: ToolServer, old_peer: ToolServer, over_http: Speaking
) -> None:
    desk = old_peer if over_http.server.url == old_peer.url else peer
    assert desk.keyed == 0, "listing needs none"
    assert (await over_http.call("book", what="a table")).outcome == "ok"
    [received] = desk.made
    assert (received.key, received.header) == (KEY, KEY)
    assert desk.keyed == 1


async def test_the_key_goes_along_over_pipes(settings: Settings, journal: Path) -> None:
    pipes = Speaking(
        McpServer("tool_1", "shop", "stdio", command=over_pipes(), env={"TOOL_JOURNAL": str(journal)}), settings
    )
    await pipes.call("book", what="a table")
    [received] = written(journal)
    assert (received["arguments"], received["key"]) == ({"what": "a table"}, KEY)


FAILURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "the tool says so": ("refuse", {}, "shop__refuse failed: The shop is closed."),
    "wrong arguments": ("book", {}, "'what' is missing"),
    "no such tool": ("fly", {}, "'fly' is missing"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_what_the_server_declines_has_failed(speaking: Speaking, case: str) -> None:
    tool, arguments, words = FAILURES[case]
    called = await speaking.call(tool, **arguments)
    assert called.outcome == "failed"
    assert words in called.text
    assert "shop" in called.text
    assert UNSURE not in called.text


async def test_a_server_that_is_down_was_not_called(peer: ToolServer, settings: Settings) -> None:
    ways = [Speaking(server, settings) for server in both(peer)]
    for way in ways:
        await way.connect()
    peer.close()
    for way in ways:
        assert await way.call("book", what="a table") == ToolResult(
            "down", "shop__book was not called. The tool server shop cannot be reached: nothing listens at its address."
        )
        with pytest.raises(ToolServerDown, match=r"The tool server shop cannot be reached: nothing listens"):
            await way.connect()
    assert peer.made == []


async def test_a_command_that_cannot_be_started_was_not_called(settings: Settings) -> None:
    missing = Speaking(McpServer("tool_1", "shop", "stdio", command=("/no/such/command",)), settings)
    called = await missing.call("book", what="a table")
    assert called.outcome == "failed"
    assert called.text == (
        "shop__book was not called. The tool server shop cannot be started: No such file or directory."
    )


async def test_a_command_that_speaks_no_mcp_was_not_called(settings: Settings) -> None:
    silent = Speaking(McpServer("tool_1", "shop", "stdio", command=("true",)), settings)
    called = await silent.call("book", what="a table")
    assert (called.outcome, "was not called" in called.text) == ("down", True)


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_an_address_that_is_no_tool_server_was_not_called(
    peer: ToolServer, settings: Settings, transport: Any
) -> None:
    nothing = Speaking(McpServer("tool_1", "shop", transport, peer.url.replace("/mcp", "/nothing")), settings)
    called = await nothing.call("book", what="a table")
    assert called.outcome == "failed"
    assert "shop__book was not called. The tool server shop answered with HTTP 404" in called.text
    page = Speaking(McpServer("tool_1", "shop", transport, peer.url.replace("/mcp", "/made")), settings)
    called = await page.call("book", what="a table")
    assert (called.outcome, CHECK in called.text) == ("failed", True)


async def test_an_address_with_the_wrong_scheme_or_transport_is_told_apart(
    peer: ToolServer, settings: Settings
) -> None:
    tls = McpServer("tool_1", "shop", "http", peer.url.replace("http:", "https:"))
    with pytest.raises(ToolServerDown, match="it speaks no TLS; perhaps its address is http, not https"):
        await list_tools(tls, settings)
    with pytest.raises(ToolServerDown, match=CHECK):
        await list_tools(McpServer("tool_1", "shop", "sse", peer.url), settings)


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_header_that_the_server_wants_is_sent_and_never_said(settings: Settings, transport: Any) -> None:
    with closing(ToolServer(header=("Authorization", "Bearer canary-4711"))) as desk:
        url = desk.sse_url if transport == "sse" else desk.url
        right = McpServer("tool_1", "shop", transport, url, {"Authorization": "Bearer canary-4711"})
        wrong = replace(right, headers={"Authorization": "Bearer canary-9999"})
        assert (await Speaking(right, settings).call("book", what="a table")).outcome == "ok"
        called = await Speaking(wrong, settings).call("book", what="a table")
        assert called.outcome == "failed"
        assert "does not let us in (HTTP 401): check the headers" in called.text
        assert "canary" not in called.text
        with pytest.raises(ToolServerDown, match="HTTP 401") as down:
            await list_tools(wrong, settings)
        assert "canary" not in str(down.value)
        assert desk.times("book") == 1


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_that_says_the_secrets_back_is_not_quoted(
    peer: ToolServer, settings: Settings, transport: Any
) -> None:
    secrets = {"Authorization": "Bearer canary-4711", "X-Key": "canary-0815"}
    url = peer.sse_url if transport == "sse" else peer.url
    called = await Speaking(McpServer("tool_1", "shop", transport, url, secrets), settings).call("whoami")
    assert "authorization: •••" in called.text
    assert "x-key: •••" in called.text
    assert "canary" not in called.text


async def test_a_process_that_says_its_environment_back_is_not_quoted(settings: Settings) -> None:
    server = McpServer("tool_1", "shop", "stdio", command=over_pipes(), env={"API_TOKEN": "canary-4711"})
    called = await Speaking(server, settings).call("whoami")
    assert "API_TOKEN: •••" in called.text
    assert "canary" not in called.text


async def test_the_workers_own_environment_is_not_given_to_a_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-4711")
    called = await Speaking(McpServer("tool_1", "shop", "stdio", command=over_pipes()), settings).call("whoami")
    assert called.outcome == "ok"
    assert "PATH" in called.text
    assert "canary" not in called.text


async def test_after_a_time_out_nobody_knows(speaking: Speaking) -> None:
    called = await with_more_time(speaking, lambda called: called.outcome != "down", "wait")
    assert called.outcome == "unknown"
    assert "The tool server shop did not answer" in called.text
    assert UNSURE in called.text


async def test_when_the_connection_is_lost_nobody_knows(
    peer: ToolServer, old_peer: ToolServer, over_http: Speaking
) -> None:
    desk = old_peer if over_http.server.url == old_peer.url else peer
    calling = asyncio.create_task(over_http.call("wait"))
    await until(lambda: desk.times("wait") == 1)
    desk.cut()
    called = await asyncio.wait_for(calling, PATIENCE)
    assert called.outcome == "unknown"
    assert UNSURE in called.text


@pytest.mark.parametrize("way", ["http", "sse", "stdio"])
async def test_when_the_server_dies_nobody_knows(way: Any, settings: Settings, journal: Path) -> None:
    with ExitStack() as running:
        if way == "stdio":
            server = McpServer("tool_1", "shop", "stdio", command=over_pipes(), env={"TOOL_JOURNAL": str(journal)})
        else:
            url = running.enter_context(process(journal))
            server = McpServer("tool_1", "shop", way, url.replace("/mcp", "/sse") if way == "sse" else url)
        speaking = Speaking(server, settings)
        await speaking.connect()
        called = await speaking.call("die")
    assert called.outcome == "unknown"
    assert UNSURE in called.text
    assert [received["tool"] for received in written(journal)] == ["die"]


@pytest.mark.parametrize(
    ("status", "outcome"), [(502, "unknown"), (504, "unknown"), (409, "unknown"), (403, "failed"), (429, "failed")]
)
async def test_a_proxy_that_gives_up_is_no_word_of_the_server(
    over_http: Speaking, peer: ToolServer, old_peer: ToolServer, status: int, outcome: str
) -> None:
    for desk in (peer, old_peer):
        desk.broken = status
    called = await over_http.call("book", what="a table")
    assert (called.outcome, f"HTTP {status}" in called.text) == (outcome, True)


async def test_what_changed_is_not_called(peer: ToolServer, over_http: Speaking, old_peer: ToolServer) -> None:
    for desk in (peer, old_peer):
        desk.changed = True
        desk.hidden.add("book")
    changed, gone = await over_http.call("forecast", town="Rome"), await over_http.call("book", what="a table")
    assert (changed.outcome, gone.outcome, gone.discovered) == ("changed", "changed", None)
    assert changed.discovered is not None
    assert set(changed.discovered.schema["properties"]) == {"town", "days"}
    assert "shop__forecast has changed since it was connected, so it was not called." in changed.text
    assert "shop__book is no longer offered by its server, so it was not called." in gone.text
    assert peer.made + old_peer.made == []
    assert (await over_http.call("read_note", what="Monday")).outcome == "ok", "the others go on"


async def test_what_is_not_pinned_is_called_as_it_is(
    over_http: Speaking, peer: ToolServer, old_peer: ToolServer
) -> None:
    peer.changed = old_peer.changed = True
    unpinned = replace(over_http, pinned={})
    assert await unpinned.call("forecast", town="Rome") == ToolResult("ok", "Sun.")


async def test_a_long_answer_is_cut_and_says_so(speaking: Speaking) -> None:
    called = await speaking.call("large")
    if speaking.server.transport == "sse":
        # The SDK takes at most a megabyte an event there, and does not let that be changed.
        assert called.outcome == "unknown"
        assert "exceeded the 1048576 byte limit" in called.text
        return
    shown, _, note = called.text.partition("\n")
    assert called.outcome == "ok"
    assert shown == "x" * speaking.settings.tool_result_bytes
    assert note == f"… cut: {LARGE:,} bytes, the first 65,536 shown"


async def test_what_is_no_text_is_named_or_written_as_json(peer: ToolServer, settings: Settings) -> None:
    way = Speaking(McpServer("tool_1", "shop", "http", peer.url), settings)
    assert await way.call("picture") == ToolResult("ok", "The garden:\n[image, image/png, 34 KB]")
    assert await way.call("table") == ToolResult("ok", '{"rows": [1, 2], "unit": "€"}')


async def test_a_cancelled_call_is_left_at_once(peer: ToolServer, old_peer: ToolServer, over_http: Speaking) -> None:
    desk = old_peer if over_http.server.url == old_peer.url else peer
    calling = asyncio.create_task(over_http.within(10 * PATIENCE).call("wait"))
    await until(lambda: desk.times("wait") == 1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(calling, PATIENCE)
    await until(lambda: desk.abandoned == 1)


async def test_a_cancelled_call_takes_its_process_with_it(settings: Settings, journal: Path) -> None:
    server = McpServer("tool_1", "shop", "stdio", command=ALONE, env={"TOOL_JOURNAL": str(journal)})
    calling = asyncio.create_task(Speaking(server, settings).call("wait"))
    await until(lambda: len(written(journal)) == 1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(calling, PATIENCE)
    with pytest.raises(ProcessLookupError):
        os.kill(written(journal)[0]["pid"], 0)


async def test_an_answer_is_kept_when_only_the_goodbye_fails(
    old_peer: ToolServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Speaking(McpServer("tool_1", "shop", "http", old_peer.url), settings)
    old_peer.mute_goodbye = True
    called = await asyncio.wait_for(way.within(10 * PATIENCE).call("book", what="a table"), PATIENCE)
    assert called == ToolResult("ok", "Booked a table, number 1.")
    monkeypatch.setattr(traffic, "CLOSE_TIMEOUT", httpx2.Timeout(None))
    called = await with_more_time(way, lambda called: called.outcome == "ok", "book", what="a room")
    assert called.text.startswith("Booked a room"), "though its time is over"


async def test_the_library_says_nothing_of_its_own(
    peer: ToolServer, settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for server in both(peer):
        way = Speaking(server, settings)
        await way.connect()
        await way.call("large")
        await way.within(1).call("wait")
    peer.close()
    for server in both(peer):
        await Speaking(server, settings).call("book", what="a table")
    mine = [record for record in caplog.records if record.threadName == "MainThread"]
    assert [record.getMessage() for record in mine] == []
    assert capfd.readouterr() == ("", "")


def test_naming_tools_does_not_load_the_library() -> None:
    code = "import sys; import heartbeat.agents.tools.offered_tools; print({'mcp', 'httpx2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def both(peer: ToolServer) -> list[McpServer]:
    return [McpServer("tool_1", "shop", "http", peer.url), McpServer("tool_1", "shop", "sse", peer.sse_url)]


def written(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


async def with_more_time(way: Speaking, done: Callable[[ToolResult], bool], tool: str, **arguments: Any) -> ToolResult:
    """A call whose time-out is to pass once the server has heard of it; a slow machine may need more of it for that."""
    seconds = 1
    while not done(called := await way.within(seconds).call(tool, **arguments)) and seconds < PATIENCE:
        seconds *= 2
    return called


@contextmanager
def process(journal: Path) -> Iterator[str]:
    """A tool server in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.support.tool_server", "http"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TOOL_JOURNAL": str(journal)}
    ) as running:
        assert running.stdout is not None
        try:
            yield running.stdout.readline().strip()
        finally:
            running.kill()
