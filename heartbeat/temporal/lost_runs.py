"""Workflows that go on without a run that is open: the database went back, or Temporal did."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecution

from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import AGENT_RUN
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import ends_of_runs
from heartbeat.temporal.client import RPC_TIMEOUT
from heartbeat.temporal.reconcile import LIST_TIMEOUT, YOUNG, ScheduleDifference

BATCH_SIZE = 500
# When its run is over a workflow ends by itself, but for a worker that has so much else to do.
ENDING = timedelta(minutes=10)
REASON = "the database and Temporal were of different times, and this run is lost or over"
# Opening is a local activity, or with a gate one of its own.
OPENING_ENDED = {EventType.EVENT_TYPE_MARKER_RECORDED, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED}


class LostRuns:
    """Finds and ends them. With `dry_run` it only reports."""

    def __init__(
        self, client: Client, database: Database, task_queue: str, now: Clock = utc_now, *, dry_run: bool = False
    ) -> None:
        self._client = client
        self._database = database
        self._task_queue = task_queue
        self._now = now
        self._dry_run = dry_run

    async def end(self, *, workers_stopped: bool = False) -> list[ScheduleDifference]:
        """End the runs that had begun and that the database has never heard of, or knows to be over.

        Those at work notice it at their next step; one that waits for a person would keep its heartbeat from running.
        Without workers there is no next step.
        """
        over_before = self._now() - (timedelta() if workers_stopped else ENDING)
        before = f"{self._now() - YOUNG:%Y-%m-%dT%H:%M:%SZ}"
        query = f"WorkflowType = '{AGENT_RUN}' AND ExecutionStatus = 'Running' AND StartTime < '{before}'"
        differences: list[ScheduleDifference] = []
        batch: list[WorkflowExecution] = []
        async for workflow in self._client.list_workflows(query, rpc_timeout=LIST_TIMEOUT):
            if workflow.task_queue == self._task_queue:
                batch.append(workflow)
            if len(batch) == BATCH_SIZE:
                differences += await self._end(batch, over_before)
                batch = []
        return differences + await self._end(batch, over_before)

    async def _end(self, workflows: Sequence[WorkflowExecution], over_before: datetime) -> list[ScheduleDifference]:
        ends = await self._database.read(ends_of_runs, [workflow.id for workflow in workflows])
        differences = []
        for workflow in workflows:
            if workflow.id in ends:
                finished_at = ends[workflow.id]
                is_lost = finished_at is not None and finished_at < over_before
                reason = f"the run of {workflow.id} is over in the database"
            else:
                is_lost = await self._has_begun(workflow) and await self._is_unknown(workflow)
                reason = f"the database has lost the run of {workflow.id}"
            if is_lost:
                uuid, _, _ = workflow.id.partition("-")
                differences.append(ScheduleDifference(uuid, "ended", reason))
                await self._terminate(workflow)
        return differences

    async def _terminate(self, workflow: WorkflowExecution) -> None:
        if not self._dry_run:
            handle = self._client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
            await handle.terminate(reason=REASON, rpc_timeout=RPC_TIMEOUT)

    async def _is_unknown(self, workflow: WorkflowExecution) -> bool:
        """Whether the database has no run of it: one that was queued may have opened it since they were read."""
        return workflow.id not in await self._database.read(ends_of_runs, [workflow.id])

    async def _has_begun(self, workflow: WorkflowExecution) -> bool:
        """Whether it has opened its run: one that is still queued has no row either."""
        handle = self._client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
        async for event in handle.fetch_history_events(page_size=20, rpc_timeout=RPC_TIMEOUT):
            if event.event_type in OPENING_ENDED:
                return True
        return False
