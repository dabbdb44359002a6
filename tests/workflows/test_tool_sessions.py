"""Runs whose tools keep something between calls."""

from collections.abc import Iterator

import pytest

from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.acting import change, connect, told
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until
from tests.support.raw_tool_server import SESSION_LOST, Answer, Browser, Received
from tests.support.world import World


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as desk:
        yield desk


@pytest.mark.parametrize("max_steps", [50, 4])
async def test_a_run_leaves_its_session_however_it_ends(
    working: World, model: ModelServer, browser: Browser, max_steps: int
) -> None:
    await connect(working, browser)
    await change(working, Heartbeat, max_steps=max_steps)
    before = browser.goodbyes
    model.script(asks(("desk__open", {})), asks(("desk__look", {})), says("Done."))
    log = await working.run_once()
    assert log.error_code == ("max_steps" if max_steps == 4 else None)
    await until(lambda: browser.goodbyes - before, lambda goodbyes: goodbyes == 1)


async def test_a_run_keeps_its_session_and_hears_when_it_is_lost(
    working: World, model: ModelServer, browser: Browser
) -> None:
    await connect(working, browser)
    open_page, look = ("desk__open", {"tab": "2"}), ("desk__look", {})
    model.script(asks(open_page), asks(look), says("I saw it."), asks(open_page), asks(look), says("It was gone."))
    assert (await working.run_once()).status == "success"
    assert [text for _, text in told(model.requests[2])] == ["a page", "a page"]
    assert browser.received[-1].params["arguments"] == {}
    opened = [received for received in browser.received if received.params.get("name") == "open"]
    assert opened[0].params["arguments"] == {"tab": 2}, "a number, though the model wrote a text"

    def forgetful(received: Received) -> Answer | None:
        first = next((one.session for one in reversed(browser.received) if one.params.get("name") == "open"), None)
        is_lost = received.params.get("name") == "look" and received.session == first
        return SESSION_LOST if is_lost else None

    browser.instead = forgetful
    assert (await working.run_once()).status == "success"
    [(_, first), (_, second)] = told(model.requests[5])
    assert first == "a page"
    assert second.startswith("(This call was made in a new session with desk. What earlier calls left open there")
    assert second.endswith("no page")
