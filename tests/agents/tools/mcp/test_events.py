"""A stream of events, of which each is read for itself, however it comes in parts."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from heartbeat.agents.tools.mcp import events
from heartbeat.agents.tools.mcp.events import ReadableEvents

ASKED = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
# An answer of a server that leaves the version out.
ANSWER = b'data: {"id": 1, "result": {"content": []}}'


async def read(*parts: bytes) -> bytes:
    async def sent() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    response = httpx2.Response(200, content=sent())
    return b"".join([part async for part in ReadableEvents(response, ASKED)])


async def test_an_event_is_made_a_message_wherever_its_parts_are_cut() -> None:
    whole = await read(ANSWER + b"\n\n")
    assert json.loads(whole.removeprefix(b"data: "))["jsonrpc"] == "2.0"
    assert await read(ANSWER[:9], ANSWER[9:] + b"\r", b"\n\r\n") == whole


async def test_of_a_stream_with_too_large_an_event_nothing_more_is_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_BYTES", 100)
    large = b"data: " + b"x" * 100
    assert await read(large, b"\n\n", ANSWER + b"\n\n") == large + b"\n\n" + ANSWER + b"\n\n"
