"""Each role has a task queue of its own, and what earlier versions started on that of runs goes on there."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from temporalio.client import ScheduleActionStartWorkflow

import worker
from heartbeat.domain.clock import utc_now
from heartbeat.domain.contracts import NOTIFY, UPKEEP, UPKEEP_SCHEDULE_ID
from heartbeat.domain.ids import new_id
from heartbeat.domain.worker_roles import Role
from heartbeat.temporal.runs import start_notify
from heartbeat.temporal.workers import workers_by_role
from tests.support.databases import ON_SQLITE
from tests.support.deliveries import notifications, target
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import PATIENCE, until
from tests.support.processes import COMMAND, start
from tests.support.receiver import Receiver
from tests.support.world import SANDBOX, World

TELL = ("notify_user", {"title": "Call the plumber", "message": "Water.", "priority": "urgent"})


def serving(world: World, *roles: Role) -> AbstractAsyncContextManager[None]:
    settings = world.settings.model_copy(update={"worker_roles": list(roles)})
    return worker.running_worker(world.client, world.database, settings, SANDBOX)


async def of_an_earlier_version(world: World, workflow: str, *arguments: str) -> object:
    """What it came to: a workflow on the one task queue that there was."""
    queue = world.settings.task_queue
    return await world.client.execute_workflow(workflow, args=arguments, id=new_id("flow"), task_queue=queue)


@ON_SQLITE
async def test_runs_go_on_while_nobody_delivers(world: World, model: ModelServer, receiver: Receiver) -> None:
    await target(world, receiver)
    model.script(asks(TELL), says("Told."))
    async with serving(world, Role.RUNS):
        assert (await world.run_once()).status == "success"
        [notification] = await notifications(world)
        assert notification.status == "pending"
        # It waits at the queue of deliveries already, so Upkeep has nothing to start.
        assert not await start_notify(world.client, world.settings, notification.uuid)
        assert await of_an_earlier_version(world, NOTIFY, notification.uuid) == "delivered"
    async with serving(world, Role.DELIVERY):
        assert await world.client.get_workflow_handle(notification.uuid).result() == "delivered"
    assert len(receiver.received) == 1


@ON_SQLITE
async def test_upkeep_goes_on_while_nobody_runs(world: World) -> None:
    await world.schedules.ensure_upkeep()
    schedule = world.client.get_schedule_handle(UPKEEP_SCHEDULE_ID)
    action = (await schedule.describe()).schedule.action
    await schedule.delete()
    assert isinstance(action, ScheduleActionStartWorkflow)
    run = await world.start()
    async with serving(world, Role.UPKEEP):
        await world.client.execute_workflow(UPKEEP, id=new_id("upkeep"), task_queue=action.task_queue)
    async with serving(world, Role.RUNS):
        await of_an_earlier_version(world, UPKEEP)
        await run.result()


@ON_SQLITE
async def test_the_command_serves_the_roles_that_it_is_given(world: World, tmp_path: Path) -> None:
    variables = {
        "HEARTBEAT_DATABASE_URL": world.settings.store_url(),
        "HEARTBEAT_TASK_QUEUE": world.settings.task_queue,
        "TEMPORAL_ADDRESS": world.settings.temporal_target(),
    }
    roles = ("--role", "upkeep", "--role", "delivery")
    process = start(COMMAND, "worker", *roles, output=tmp_path, **variables)
    try:
        count = partial(workers_by_role, world.client, world.settings)
        workers = await until(
            lambda: count(utc_now()), lambda by: by[Role.UPKEEP].current and by[Role.DELIVERY].current
        )
        assert not workers[Role.RUNS].living
    finally:
        process.terminate()
        process.join(PATIENCE)
    assert (process.exitcode, (tmp_path / "err").read_text()) == (0, "")
