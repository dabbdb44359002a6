"""Runs with a server that does more than answer calls."""

import contextlib
from collections.abc import Iterator

import pytest

from heartbeat.store.rows import columns, many
from heartbeat.store.tables.notifications import Event
from tests.support.acting import connect
from tests.support.model_server import ModelServer, asks, says
from tests.support.workshop import Workshop
from tests.support.world import World


@pytest.fixture
def old_workshop() -> Iterator[Workshop]:
    """One that speaks the protocol of 2025."""
    with contextlib.closing(Workshop(modern=False)) as server:
        yield server


def offered(request: dict) -> set[str]:
    return {one["function"]["name"] for one in request["tools"] if one["function"]["name"].startswith("workshop__")}


async def test_a_tool_that_is_said_to_have_changed_is_not_offered_at_the_next_step(
    working: World, model: ModelServer, old_workshop: Workshop
) -> None:
    await connect(working, old_workshop, server_label="workshop")
    model.script(asks(("workshop__saw", {"what": "a plank"})), asks(("workshop__rearrange", {})), says("Done."))
    log = await working.run_once()
    assert (log.status, log.paused_tools) == ("success", ["workshop__saw"])
    first, *_, last = model.requests
    assert (offered(first), offered(last)) == ({"workshop__saw", "workshop__rearrange"}, {"workshop__rearrange"})
    [event] = await working.database.read(lambda c: many(c, Event, columns(Event).select()))
    [told] = event.data["tools"]
    assert (event.kind, told["tool"]) == ("tool.changed", "workshop__saw")
    assert "+Saw something, once or twice." in told["difference"]
