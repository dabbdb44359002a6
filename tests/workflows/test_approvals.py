"""Calls that wait for a person: the run is parked, the decision is one, and nothing is called without a yes."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from temporalio.testing import ActivityEnvironment

import worker
from heartbeat.domain.contracts import RunResult
from heartbeat.domain.errors import Conflict
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.runs.approvals import decide
from heartbeat.store.tables.runs import Approval
from heartbeat.temporal.runs import wake
from tests.support.acting import book, connect, told, transcript
from tests.support.approvals import RUN, decided, waiting
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import until
from tests.support.runs import opened, scheduled
from tests.support.tool_server import ToolServer
from tests.support.upkeep import upkeep
from tests.support.world import SANDBOX, World


@pytest.fixture
async def asking(working: World, desk: ToolServer, model: ModelServer) -> World:
    """A run that waits for a yes to a castle, with a harmless call beside it made."""
    await connect(working, desk, require_approval="tool-specific", approval_tools=["book"])
    model.script(asks(book("a castle"), ("desk__read_note", {"what": "A note"})), says("That is that."))
    return working


async def test_a_run_waits_for_a_yes_holding_nothing(asking: World, model: ModelServer, desk: ToolServer) -> None:
    handle = await asking.start(RUN)
    row = await waiting(asking)
    assert (row.tool, row.arguments, row.state) == ("desk__book", '{"what": "a castle"}', "pending")
    await until(lambda: _made(desk), lambda names: names == ["read_note"])
    run = await asking.run(RUN)
    assert (run.status, run.credits_held) == ("running", 0)
    assert opened_at(asking) == "an earlier run was still in progress"
    await decided(asking, "approved")
    assert await handle.result() == RunResult("success", RUN)
    assert desk.times("book") == 1
    assert [text for _, text in told(model.requests[1])] == ["Booked a castle, number 1.", "A note: water the plants."]
    assert await asking.database.read(audit) == []


def opened_at(world: World) -> str:
    """What the next tick comes to."""
    tick = cadence_of(world.heartbeat).next_after(datetime.now(UTC))
    assert tick is not None
    return opened(world.database, scheduled(world.heartbeat, tick), now=tick).reason


async def _made(desk: ToolServer) -> list[str]:
    return [received.tool for received in desk.made]


async def test_a_no_is_for_the_model_to_read(asking: World, model: ModelServer, desk: ToolServer) -> None:
    handle = await asking.start(RUN)
    await decided(asking, "denied")
    assert (await handle.result()).status == "success"
    assert desk.times("book") == 0
    assert told(model.requests[1])[0][1] == "This call was not made: a person was asked, and said no."
    [call, _] = [step for step in await transcript(asking, await asking.run(RUN)) if step.kind == "tool"]
    assert (call.state, call.failure_code) == ("done", "refused")


async def test_silence_is_a_no(asking: World, model: ModelServer, desk: ToolServer) -> None:
    handle = await asking.start(RUN)
    row = await waiting(asking)
    past = update(columns(Approval)).values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    await asking.database.write(lambda c: c.execute(past))
    # The workflow's own timer is a day long; being woken early it finds that time is up.
    assert await wake(asking.client, row.workflow_id, row.step)
    assert (await handle.result()).status == "success"
    assert desk.times("book") == 0
    assert "nobody answered in time" in told(model.requests[1])[0][1]
    with pytest.raises(Conflict, match="was expired already"):
        await decided(asking, "approved")


async def test_a_decision_is_made_once(asking: World) -> None:
    handle = await asking.start(RUN)
    row = await waiting(asking)
    now = datetime.now(UTC)
    for _ in range(2):
        done = await asking.database.write(lambda c: decide(c, row.uuid, "denied", "a test", now))
        assert done.state == "denied"
    with pytest.raises(Conflict, match="was denied already; nothing was changed"):
        await asking.database.write(lambda c: decide(c, row.uuid, "approved", "a test", now))
    await wake(asking.client, row.workflow_id, row.step)
    assert (await handle.result()).status == "success"


async def test_a_wake_up_call_that_was_lost_is_made_by_upkeep(asking: World, desk: ToolServer) -> None:
    handle = await asking.start(RUN)
    row = await waiting(asking)
    await asking.database.write(lambda c: decide(c, row.uuid, "approved", "a test", datetime.now(UTC)))
    assert await ActivityEnvironment().run(upkeep(asking).tell_decisions) == 1
    assert (await handle.result()).status == "success"
    assert desk.times("book") == 1
    assert await ActivityEnvironment().run(upkeep(asking).tell_decisions) == 0


@pytest.fixture
async def world_with_desk(world: World, desk: ToolServer, model: ModelServer) -> World:
    await connect(world, desk, require_approval="always")
    model.script(asks(book("a castle")), says("That is that."))
    return world


async def test_a_restart_of_the_worker_changes_nothing(world_with_desk: World, desk: ToolServer) -> None:
    world = world_with_desk
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        handle = await world.start(RUN)
        await waiting(world)
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        await decided(world, "approved")
        assert (await handle.result()).status == "success"
    assert desk.times("book") == 1


async def test_a_run_that_waits_can_be_cancelled(asking: World, desk: ToolServer) -> None:
    handle = await asking.start(RUN)
    await waiting(asking)
    await handle.cancel()
    assert await handle.result() == RunResult("cancelled", RUN)
    assert (await asking.run(RUN)).status == "cancelled"
    assert desk.times("book") == 0
    statement = select(columns(Approval).c.state)
    states = await asking.database.read(lambda c: c.execute(statement).scalars().all())
    assert list(states) == ["expired"], "nobody is asked about it any more"
