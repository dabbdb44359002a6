"""A call whose server says how far it has come: that is told, and the call is given time for it."""

import asyncio

import pytest

from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.mcp import call_clock
from heartbeat.agents.tools.mcp.call_clock import CallClock
from heartbeat.agents.tools.mcp.sessions import Sessions
from tests.support.patience import PATIENCE, until

SERVER = McpServer("tool_1", "shop", "http", headers={"Authorization": "Bearer canary-4711"})


async def test_it_is_heard(workshop: McpServer, sessions: Sessions) -> None:
    heard: list[str] = []
    tool = OfferedTool("workshop__sand", "", {}, workshop, "sand")
    result = await sessions.call(tool, {"coats": 2}, "log_1", "log_1:2", heard.append)
    assert result.text == "Smooth."
    assert await until(lambda: heard and heard[-1], lambda word: word == "2 of 2: coat 2")


async def test_each_word_gives_a_call_its_time_again_up_to_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    for longest, is_given_more in ((2 * PATIENCE, True), (PATIENCE, False)):
        monkeypatch.setattr(call_clock, "LONGEST_CALL_SECONDS", longest)
        clock = CallClock(SERVER, PATIENCE, None)
        async with clock.limit() as limit:
            first = limit.when()
            await asyncio.sleep(0.01)
            await clock.hear(1, None, None)
            assert (limit.when() != first) == is_given_more


async def test_it_never_goes_back() -> None:
    heard: list[str] = []
    clock = CallClock(SERVER, PATIENCE, heard.append)
    for progress in (1, 3, 2, 4):
        await clock.hear(progress, 4, None)
    assert heard == ["1 of 4", "3 of 4", "4 of 4"]


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ((1, None, None), "1"),
        ((2.5, 10, " "), "2.5 of 10"),
        ((2, 10, "sent\ncanary-4711"), "2 of 10: sent •••"),
        ((1, 2, "x" * 1_000), f"1 of 2: {'x' * 192}"),
    ],
)
async def test_it_is_one_line_without_secrets(progress: tuple[float, float | None, str | None], words: str) -> None:
    heard: list[str] = []
    await CallClock(SERVER, PATIENCE, heard.append).hear(*progress)
    assert heard == [words]
