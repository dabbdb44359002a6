"""Runs that wait for credits: parked holding nothing, woken by whoever gives them, and ended by silence."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from temporalio.client import WorkflowHandle
from temporalio.testing import ActivityEnvironment

import worker
from heartbeat.domain.contracts import RunResult
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.approvals import decide
from heartbeat.store.tables.runs import Approval
from heartbeat.temporal.runs import manual_workflow_id, wake
from tests.support.approvals import decided
from tests.support.model_server import ModelServer, says
from tests.support.parked_runs import RUN, capped, parked, set_limit
from tests.support.patience import until
from tests.support.upkeep import upkeep
from tests.support.world import SANDBOX, World


def of_run(world: World) -> WorkflowHandle[object, RunResult]:
    workflow_id = manual_workflow_id(world.heartbeat, RUN)
    return world.client.get_workflow_handle(workflow_id, result_type=RunResult)


async def test_a_run_waits_for_credits_and_goes_on_with_those_it_is_given(working: World, model: ModelServer) -> None:
    cap = await capped(working, model)
    row = await parked(working)
    assert (row.reason, row.step, row.tool) == ("budget", 3, "")
    run = await working.run(RUN)
    assert (run.status, run.parked, run.credits_held) == ("running", True, 0)
    await decided(working, "approved")
    assert await of_run(working).result() == RunResult("success", RUN)
    run = await working.run(RUN)
    assert run.credits_charged <= cap + run.credits_granted
    assert len(model.requests) == 3, "one of the run before, two of this one"
    assert await working.database.read(audit) == []


@pytest.mark.parametrize("decision", ["denied", None])
async def test_a_no_and_silence_end_it(working: World, model: ModelServer, decision: str | None) -> None:
    await capped(working, model)
    row = await parked(working)
    if decision:
        await decided(working, decision)
    else:
        past = update(columns(Approval)).values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        await working.database.write(lambda c: c.execute(past))
        assert await wake(working.client, row.workflow_id, row.step)
    assert await of_run(working).result() == RunResult("error", RUN)
    run = await working.run(RUN)
    assert (run.error_code, run.credits_held) == ("budget_exhausted", 0)
    how = "A person ended the run." if decision else "Nobody gave it more in time."
    assert run.error_message is not None
    assert run.error_message.startswith("A step may cost up to")
    assert run.error_message.endswith(how)
    assert len(model.requests) == 2


async def test_a_cap_that_is_raised_is_told_by_upkeep(working: World, model: ModelServer) -> None:
    await capped(working, model)
    await parked(working)
    assert await ActivityEnvironment().run(upkeep(working).tell_decisions) == 0
    await set_limit(working, max_credits_per_run=None)
    assert await ActivityEnvironment().run(upkeep(working).tell_decisions) == 1
    assert (await of_run(working).result()).status == "success"


async def test_a_yes_that_nobody_heard_of_is_told_by_upkeep_to_another_worker(world: World, model: ModelServer) -> None:
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        await capped(world, model)
        row = await parked(world)
    await world.database.write(lambda c: decide(c, row.uuid, "approved", "a test", datetime.now(UTC)))
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        assert await ActivityEnvironment().run(upkeep(world).tell_decisions) == 1
        assert (await of_run(world).result()).status == "success"


async def test_a_run_that_waits_for_credits_can_be_cancelled(working: World, model: ModelServer) -> None:
    await capped(working, model)
    await parked(working)
    await of_run(working).cancel()
    assert await of_run(working).result() == RunResult("cancelled", RUN)


async def test_attempts_before_the_wait_are_counted_on(working: World, model: ModelServer) -> None:
    """An attempt that failed was paid for, and used up what there was; the next one is another."""
    cap = await capped(working, model)
    broken = says("Hi.", 900, 100)
    assert isinstance(broken.body, dict)
    broken.body["choices"] = []
    model.script(broken, says("Back again."))
    row = await parked(working)
    assert row.step == 1
    await decided(working, "approved")
    assert (await of_run(working).result()).status == "success"
    run = await working.run(RUN)
    assert run.credits_charged <= cap + run.credits_granted
    assert await until(lambda: working.asked(model), lambda asked: asked == 3)
    assert await working.database.read(audit) == []
