"""The database went back while a run was under way, as with a failover that loses some seconds: the run is gone."""

import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

import worker
from heartbeat.domain.clock import utc_now
from heartbeat.store.database.database import Database
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.restored import UNKNOWN
from heartbeat.temporal.lost_runs import LostRuns
from heartbeat.temporal.reconcile import ScheduleDifference
from heartbeat.temporal.runs import manual_workflow_id
from tests.support.acting import book
from tests.support.approvals import waiting
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, asks, says
from tests.support.parked_runs import RUN, capped, parked
from tests.support.patience import until
from tests.support.tool_server import ToolServer
from tests.support.world import SANDBOX, World

# The call is made, and its step is gone by the time that its outcome was written.
LOSES_CALLS = """
    CREATE TRIGGER goes_back AFTER UPDATE OF state ON step WHEN new.state = 'done' AND new.kind = 'tool'
    BEGIN DELETE FROM step WHERE id = new.id; END
"""


def go_back(connection: Connection) -> None:
    for table in ("notification", "event", "approval", "entry", "attempt", "step", "run"):
        connection.exec_driver_sql(f"DELETE FROM {table}")


async def test_a_run_that_the_database_has_lost_ends(working: World, model: ModelServer) -> None:
    """Else its heartbeat would wait for it for ever, and the model be paid for each attempt."""
    answered, reply = threading.Event(), says("Too late.")
    reply.wait_for = answered
    model.script(asks(("report", {"outcome": "nothing_to_report"})), reply)
    handle = await working.start()
    await until(lambda: len(model.requests) == 2)
    await working.database.write(go_back)
    answered.set()
    assert (await handle.result()).status == "error"
    assert len(model.requests) == 2
    model.script(says("All quiet."))
    assert (await working.run_once()).status == "success"


async def test_a_run_that_is_lost_in_its_first_step_is_opened_again(working: World, model: ModelServer) -> None:
    """Nothing was done yet, and so its tick has a log."""
    answered, reply = threading.Event(), says("Too late.")
    reply.wait_for = answered
    model.script(reply, says("All quiet."))
    handle = await working.start("log_again")
    await until(lambda: model.requests)
    await working.database.write(go_back)
    answered.set()
    assert (await handle.result()).status == "success"
    assert (await working.run("log_again")).response == "All quiet."
    assert len(model.requests) == 2


@ON_SQLITE
async def test_a_run_that_has_lost_steps_ends(agent: World, model: ModelServer, desk: ToolServer) -> None:
    """Else its calls would be made again."""
    model.script(asks(book("a castle")), says("That is that."))
    await agent.database.write(lambda c: c.exec_driver_sql(LOSES_CALLS))
    run = await agent.run_once()
    assert (run.status, run.credits_held, desk.times("book"), len(model.requests)) == ("error", 0, 1, 1)
    assert run.error_message == f"The database went back, and has lost the run {run.uuid} or steps of it."


@ON_SQLITE
async def test_those_that_the_database_has_lost_are_ended_and_not_those_that_wait_for_a_worker(
    world: World, model: ModelServer
) -> None:
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        await capped(world, model)
        await parked(world)
    queued = await world.start()
    await world.database.write(go_back)
    later = utc_now() + timedelta(minutes=2)
    only_looks = LostRuns(world.client, world.database, world.settings.task_queue, lambda: later, dry_run=True)
    seen = await until(only_looks.end)
    assert await only_looks.end() == seen
    [lost] = await until(LostRuns(world.client, world.database, world.settings.task_queue, lambda: later).end)
    assert seen == [lost]
    assert (lost.heartbeat_uuid, lost.what) == (world.heartbeat.uuid, "ended")
    handle = world.client.get_workflow_handle(manual_workflow_id(world.heartbeat, RUN))
    assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED
    assert (await queued.describe()).status == WorkflowExecutionStatus.RUNNING
    await queued.terminate()


async def listed(world: World, handle: WorkflowHandle[Any, Any]) -> None:
    """Temporal lists what it runs a little later."""
    query = f"WorkflowId = '{handle.id}' AND ExecutionStatus = 'Running'"
    await until(lambda: anext(world.client.list_workflows(query), None))


class ReadBefore(Database):
    """What is read first is what was there before something happened."""

    def __init__(self, url: str, happens: Callable[[], Awaitable[object]]) -> None:
        super().__init__(url)
        self._happens = [happens]

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        answer = await super().read(*args, **kwargs)
        if self._happens:
            await self._happens.pop()()
        return answer


@ON_SQLITE
async def test_one_that_opens_its_run_while_it_is_looked_at_goes_on(world: World, model: ModelServer) -> None:
    """As after an outage, when the queued ones begin while the schedules are compared."""
    async with AsyncExitStack() as running:

        async def begin() -> None:
            await running.enter_async_context(
                worker.running_worker(world.client, world.database, world.settings, SANDBOX)
            )

        await begin()
        await capped(world, model)
        await running.aclose()
        handle = await world.start(RUN)

        async def open_run() -> None:
            await begin()
            await waiting(world)

        later = utc_now() + timedelta(minutes=2)
        await listed(world, handle)
        with closing(ReadBefore(world.settings.database_url, open_run)) as database:
            assert await LostRuns(world.client, database, world.settings.task_queue, lambda: later).end() == []
            assert not database._happens
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
        await handle.terminate()


@ON_SQLITE
async def test_one_that_waits_in_temporal_and_is_over_in_the_store_is_ended(world: World, model: ModelServer) -> None:
    """Temporal went back to before its end. It would keep its heartbeat from running until nobody answers any more."""
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        await capped(world, model)
        await parked(world)
    handle = world.client.get_workflow_handle(manual_workflow_id(world.heartbeat, RUN))
    now, later = utc_now(), utc_now() + timedelta(minutes=5)

    async def ended(workers_stopped: bool) -> list[ScheduleDifference]:
        lost_runs = LostRuns(world.client, world.database, world.settings.task_queue, lambda: later)
        return await lost_runs.end(workers_stopped=workers_stopped)

    await listed(world, handle)
    assert await ended(workers_stopped=True) == []
    await world.database.write(close_run, RUN, UNKNOWN, now)
    assert await ended(workers_stopped=False) == []
    [lost] = await until(lambda: ended(workers_stopped=True))
    assert lost.reason == f"the run of {handle.id} is over in the database"
    assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED
