"""How a run begins: one activity opens it and takes its first step. In runs of earlier versions two did."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.first_step import FirstStepActivities
    from activities.gates import GateActivities
    from activities.runs import RunActivities
    from heartbeat.domain.contracts import (
        OPEN_AND_THINK,
        OpenAndThinkResult,
        OpenRunInput,
        OpenRunResult,
        RunRequest,
    )
    from workflows.notify import start_notifying
    from workflows.options import FIRST_STEP_TIMEOUT, HEARTBEAT_TIMEOUT, LOOK_TIMEOUT, RETRY_FOREVER, TRANSACTION
    from workflows.shield import shielded

SCHEDULED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


async def begin(request: RunRequest, begins_with: str | None) -> OpenAndThinkResult:
    """Open the run and take its first step. One that is cancelled before is opened all the same, to be closed."""
    info = workflow.info()
    start = info.typed_search_attributes.get(SCHEDULED_FOR)
    scheduled_for = (start - timedelta(seconds=request.delay_seconds)).isoformat() if start else request.tick
    opening = OpenRunInput(request, info.workflow_id, info.run_id, scheduled_for, workflow.now().isoformat())
    if begins_with == OPEN_AND_THINK:
        try:
            began = await _open_and_think(opening)
        except (ActivityError, asyncio.CancelledError):
            pass
        else:
            await shielded(start_notifying(began.opened.notification_uuids))
            return began
    return OpenAndThinkResult(await shielded(_open(opening)))


async def _open_and_think(opening: OpenRunInput) -> OpenAndThinkResult:
    return await workflow.execute_activity_method(
        FirstStepActivities.open_and_think,
        opening,
        start_to_close_timeout=FIRST_STEP_TIMEOUT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY_FOREVER,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary="open and think 1",
    )


async def _open(opening: OpenRunInput) -> OpenRunResult:
    if not opening.request.gated:
        opened = await workflow.execute_local_activity_method(RunActivities.open_run, opening, **TRANSACTION)
        if not opened.look_first:
            return opened
    return await _look_and_open(opening)


async def _look_and_open(opening: OpenRunInput) -> OpenRunResult:
    """Open it by an activity of its own, which may wait for others: a local one would hold the workflow's task."""
    opened = await workflow.execute_activity_method(
        GateActivities.look_at_gate,
        opening,
        start_to_close_timeout=LOOK_TIMEOUT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RETRY_FOREVER,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary="look at the gate",
    )
    await start_notifying(opened.notification_uuids)
    return opened
