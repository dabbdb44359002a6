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
    from workflows.options import FIRST_STEP_TIMEOUT, LOOK_TIMEOUT, TRANSACTION, opening
    from workflows.shield import shielded

SCHEDULED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


async def begin(request: RunRequest, begins_with: str | None) -> OpenAndThinkResult:
    """Open the run and take its first step. One that is cancelled before is opened all the same, to be closed."""
    info = workflow.info()
    start = info.typed_search_attributes.get(SCHEDULED_FOR)
    scheduled_for = (start - timedelta(seconds=request.delay_seconds)).isoformat() if start else request.tick
    claim = OpenRunInput(request, info.workflow_id, info.run_id, scheduled_for, workflow.now().isoformat())
    if begins_with == OPEN_AND_THINK:
        try:
            began = await _open_and_think(claim)
        except (ActivityError, asyncio.CancelledError):
            pass
        else:
            await shielded(start_notifying(began.opened.notification_uuids))
            return began
    return OpenAndThinkResult(await shielded(_open(claim)))


async def _open_and_think(claim: OpenRunInput) -> OpenAndThinkResult:
    return await workflow.execute_activity_method(
        FirstStepActivities.open_and_think, claim, **opening(FIRST_STEP_TIMEOUT, "open and think 1")
    )


async def _open(claim: OpenRunInput) -> OpenRunResult:
    if not claim.request.gated:
        opened = await workflow.execute_local_activity_method(RunActivities.open_run, claim, **TRANSACTION)
        if not opened.look_first:
            return opened
    return await _look_and_open(claim)


async def _look_and_open(claim: OpenRunInput) -> OpenRunResult:
    """Open it by an activity of its own, which may wait for others: a local one would hold the workflow's task."""
    opened = await workflow.execute_activity_method(
        GateActivities.look_at_gate, claim, **opening(LOOK_TIMEOUT, "look at the gate")
    )
    await start_notifying(opened.notification_uuids)
    return opened
