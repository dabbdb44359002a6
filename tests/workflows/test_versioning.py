"""Two builds of the workers side by side: a run stays with the one that began it, until it waits for a person."""

import threading
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.service import RPCError

import worker
from heartbeat.domain.clock import utc_now
from heartbeat.domain.ids import new_id
from heartbeat.temporal.versioning import current_build
from heartbeat.temporal.workers import Workers, workers_by_role
from tests.support.acting import book, connect
from tests.support.approvals import decided, waiting
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.patience import until
from tests.support.tool_server import ToolServer
from tests.support.world import SANDBOX, World


@pytest.fixture
def versioned(world: World) -> World:
    world.settings.deployment_name = new_id("dep")
    return world


def build(world: World, build_id: str | None) -> AbstractAsyncContextManager[None]:
    settings = world.settings.model_copy(update={"build_id": build_id})
    return worker.running_worker(world.client, world.database, settings, SANDBOX)


async def make_current(world: World, build_id: str) -> None:
    """As `temporal worker deployment set-current-version` does, once Temporal knows the build in every role."""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=world.client.namespace, deployment_name=world.settings.deployment_name, build_id=build_id
    )

    async def is_set() -> bool:
        try:
            await world.client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:
            return False
        return True

    await until(is_set)


async def builds(world: World, log: str) -> list[str]:
    """Which build completed each workflow task of a run."""
    run = await world.run(log)
    history = world.client.get_workflow_handle(run.workflow_id or "").fetch_history_events()
    completed = [event.workflow_task_completed_event_attributes async for event in history]
    return [one.deployment_version.build_id for one in completed if one.started_event_id]


@ON_SQLITE
async def test_a_run_stays_with_its_build(versioned: World, model: ModelServer) -> None:
    world, answered = versioned, threading.Event()
    model.script(Reply(wait_for=answered, body=says("Old.").body), says("New."))
    assert await current_build(world.client, world.settings) is None
    by_role = partial(workers_by_role, world.client, world.settings)
    async with build(world, "1"):
        await until(lambda: by_role(utc_now()), lambda workers: set(workers.values()) == {Workers(1, 0)})
        await make_current(world, "1")
        assert await current_build(world.client, world.settings) == "1"
        assert set((await by_role(utc_now())).values()) == {Workers(1, 1)}
        old = await world.start("log_old")
        await until(lambda: world.asked(model))
        async with build(world, "2"):
            await make_current(world, "2")
            await until(lambda: by_role(utc_now()), lambda workers: set(workers.values()) == {Workers(2, 1)})
            answered.set()
            assert (await old.result()).status == "success"
            assert (await (await world.start("log_new")).result()).status == "success"
    assert await builds(world, "log_old") == ["1", "1"]
    assert await builds(world, "log_new") == ["2", "2"]


@ON_SQLITE
@pytest.mark.parametrize("first", ["1", None])
async def test_a_run_that_waits_goes_on_with_the_current_build(
    versioned: World, model: ModelServer, desk: ToolServer, first: str | None
) -> None:
    """The build that began it is gone by then. So it is with runs of before there were builds."""
    world = versioned
    await connect(world, desk, require_approval="always")
    model.script(asks(book("a castle")), says("That is that."))
    async with build(world, first):
        if first:
            await make_current(world, first)
        run = await world.start("log_waits")
        await waiting(world)
    async with build(world, "2"):
        await make_current(world, "2")
        await decided(world, "approved")
        assert (await run.result()).status == "success"
    assert desk.times("book") == 1
    assert [build for build in await builds(world, "log_waits") if build == "2"]
