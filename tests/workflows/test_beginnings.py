"""Runs that one version starts and a worker of another begins."""

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.worker import Worker

import worker
from heartbeat.domain.contracts import AGENT_RUN, RunRequest, RunResult
from tests.support.databases import ON_SQLITE
from tests.support.patience import until
from tests.support.world import SANDBOX, World


@workflow.defn(name=AGENT_RUN)
class EarlierAgentRun:
    """As workers of an earlier version have it."""

    @workflow.run
    async def run(self, request: RunRequest) -> RunResult:
        return RunResult("success", request.run_uuid)


def has_failed(event: HistoryEvent) -> bool:
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED


@ON_SQLITE
async def test_a_worker_of_an_earlier_version_leaves_a_run_to_one_that_can_begin_it(world: World) -> None:
    """What it would begin in its own way no later one could go on with."""
    queue = world.settings.task_queue
    async with Worker(world.client, task_queue=queue, workflows=[EarlierAgentRun], workflow_runner=SANDBOX):
        handle = await world.start("log_later")
        await until(handle.fetch_history, lambda history: any(map(has_failed, history.events)))
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        assert (await handle.result()).status == "success"
    run = await world.run("log_later")
    assert (run.response, run.workflow_id, run.workflow_run_id) == ("All quiet.", handle.id, handle.result_run_id)


@ON_SQLITE
async def test_what_an_earlier_version_starts_is_begun_as_it_would_begin_it(working: World) -> None:
    request = RunRequest(working.heartbeat.uuid, 0, "manual", "log_earlier")
    handle = await working.client.start_workflow(
        AGENT_RUN, request, id="earlier", task_queue=working.settings.task_queue, result_type=RunResult
    )
    assert await handle.result() == RunResult("success", "log_earlier")
    run = await working.run("log_earlier")
    assert (run.workflow_id, run.workflow_run_id) == (handle.id, handle.result_run_id)
    scheduled = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in (await handle.fetch_history()).events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert scheduled == ["think"]
