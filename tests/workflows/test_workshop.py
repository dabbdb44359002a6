"""Runs with a server that does more than answer calls."""

import contextlib
import threading
from collections.abc import Iterator

import pytest

from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.approvals import Decision
from heartbeat.store.tables.notifications import Event
from tests.support import workshop
from tests.support.acting import connect, told, transcript
from tests.support.approvals import RUN, decided, waiting
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import PATIENCE, until
from tests.support.workshop import Workshop
from tests.support.world import World


@pytest.fixture
def old_workshop() -> Iterator[Workshop]:
    """One that speaks the protocol of 2025."""
    with contextlib.closing(Workshop(modern=False)) as server:
        yield server


def offered(request: dict) -> set[str]:
    return {one["function"]["name"] for one in request["tools"] if one["function"]["name"].startswith("workshop__")}


async def test_a_call_shows_how_far_it_has_come_while_it_goes_on(
    working: World, model: ModelServer, old_workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = threading.Event()
    monkeypatch.setattr(workshop, "FINISH", finish)
    await connect(working, old_workshop, server_label="workshop", timeout_seconds=PATIENCE)
    model.script(asks(("workshop__sand", {"coats": 3})), says("Smooth."))
    handle = await working.start("log_sand")
    await until(lambda: working.asked(model), lambda count: count == 1)
    run = await working.run("log_sand")

    async def progress() -> list[str | None]:
        return [step.progress for step in await transcript(working, run)]

    assert await until(progress, lambda said: said[1:] == ["3 of 3: coat 3"])
    finish.set()
    await handle.result()
    assert [(step.state, step.progress) for step in await transcript(working, run)] == [("done", None)] * 3


@ON_SQLITE
async def test_a_tool_that_is_said_to_have_changed_is_not_offered_at_the_next_step(
    working: World, model: ModelServer, old_workshop: Workshop
) -> None:
    await connect(working, old_workshop, server_label="workshop")
    model.script(asks(("workshop__saw", {"what": "a plank"})), asks(("workshop__rearrange", {})), says("Done."))
    log = await working.run_once()
    assert (log.status, log.paused_tools) == ("success", ["workshop__saw"])
    first, *_, last = model.requests
    assert offered(first) - offered(last) == {"workshop__saw"}
    assert not offered(last) - offered(first), "what is new waits to be accepted"
    [event] = await working.database.read(lambda c: many(c, Event, columns(Event).select()))
    [changed] = event.data["tools"]
    assert (event.kind, changed["tool"]) == ("tool.changed", "workshop__saw")
    assert "+Saw something, once or twice." in changed["difference"]


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ("approved", "Burned the chair."),
        ("denied", "This call was broken off: its server asked a person something, and the answer was no."),
    ],
)
async def test_what_a_server_asks_becomes_an_approval(
    working: World, model: ModelServer, old_workshop: Workshop, decision: Decision, said: str
) -> None:
    await connect(working, old_workshop, server_label="workshop", elicitation="approval")
    model.script(asks(("workshop__burn", {"what": "the chair"})), says("Done."))
    handle = await working.start(RUN)
    row = await waiting(working)
    assert (row.reason, "Burn the chair?" in row.why) == ("elicitation", True)
    await decided(working, decision)
    assert (await handle.result()).status == "success"
    assert [text for _, text in told(model.requests[1])] == [said]
