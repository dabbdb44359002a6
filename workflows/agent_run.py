"""One tick, from clock to log: open the run, think and act step by step, close it; the schedule follows the verdict.

Only ids cross Temporal. The history of a run without tools has 12 events and 2 workflow tasks: opening is a local
activity, a step is one activity of its own, and the last answer closes the run that it ends.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.act import ActActivities
    from activities.runs import RunActivities
    from activities.schedules import ScheduleActivities
    from activities.think import ThinkActivities
    from heartbeat.domain.contracts import (
        AGENT_RUN,
        ActInput,
        ActResult,
        CloseRunInput,
        CloseRunResult,
        OpenRunInput,
        OpenRunResult,
        PendingCall,
        RunRequest,
        RunResult,
        ThinkInput,
        ThinkResult,
    )
    from workflows.endings import at_limit, ending
    from workflows.notify import start_notifying

T = TypeVar("T")

SCHEDULED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
# A run that began is always closed, so these two are tried for as long as it takes.
RETRY_FOREVER = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
TRANSACTION_TIMEOUT = timedelta(seconds=30)
HEARTBEAT_TIMEOUT = timedelta(seconds=8)


@workflow.defn(name=AGENT_RUN)
class AgentRun:
    def __init__(self) -> None:
        self._cancelled = False
        self._decided: set[int] = set()

    @workflow.run
    async def run(self, request: RunRequest) -> RunResult:
        opened = await self._open(request)
        if not opened.should_run:
            await self._follow(request, opened.schedule_changed)
            return RunResult("skipped", opened.run_uuid, opened.reason)
        assert opened.run_uuid is not None
        workflow.set_current_details(f"Run `{opened.run_uuid}` is thinking with {opened.model}.")
        ended = await self._work(opened)
        verdict = ended if isinstance(ended, CloseRunResult) else await self._close(ended)
        workflow.set_current_details(f"Run `{opened.run_uuid}` ended: {verdict.status}.")
        await self._follow(request, verdict.schedule_changed)
        await start_notifying(verdict.notification_uuids)
        return RunResult(verdict.status, opened.run_uuid)

    @workflow.signal
    def decided(self, number: int) -> None:
        """Somebody decided about the call that is step `number`; what they decided is in the store."""
        self._decided.add(number)

    async def _open(self, request: RunRequest) -> OpenRunResult:
        info = workflow.info()
        due = info.typed_search_attributes.get(SCHEDULED_FOR)
        ticket = OpenRunInput(request, info.workflow_id, info.run_id, due.isoformat() if due else request.tick)
        return await self._to_the_end(
            workflow.execute_local_activity_method(
                RunActivities.open_run, ticket, start_to_close_timeout=TRANSACTION_TIMEOUT, retry_policy=RETRY_FOREVER
            )
        )

    async def _work(self, opened: OpenRunResult) -> CloseRunInput | CloseRunResult:
        """Step after step until the model asks for nothing more: its last answer closed the run, or how to close it."""
        assert opened.run_uuid is not None
        self._deadline = workflow.now() + timedelta(seconds=opened.run_seconds)
        number = 1
        try:
            if self._cancelled:
                raise asyncio.CancelledError
            while (thought := await self._think(opened, number)).calls:
                number = thought.calls[-1].number + 1
                if number > opened.max_steps:
                    return at_limit(opened)
                await asyncio.gather(*(self._act(opened, call) for call in thought.calls))
        except (ActivityError, asyncio.CancelledError) as problem:
            return ending(opened, problem)
        return thought.close_result or CloseRunInput(
            opened.run_uuid, thought.status, thought.error_code, thought.message
        )

    async def _think(self, opened: OpenRunResult, number: int) -> ThinkResult:
        assert opened.run_uuid is not None
        return await workflow.execute_activity_method(
            ThinkActivities.think,
            ThinkInput(opened.run_uuid, number),
            start_to_close_timeout=timedelta(seconds=opened.step_seconds),
            schedule_to_close_timeout=_until(self._deadline),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=opened.step_attempts),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"think {number} · {opened.model}",
        )

    async def _act(self, opened: OpenRunResult, call: PendingCall) -> None:
        """Make a call; one that needs a person's yes waits for it, however long, holding nothing."""
        while (acted := await self._call(opened, call)).approval_seconds is not None:
            workflow.set_current_details(f"Step {call.number}, {call.tool}, waits for a person's approval.")
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: call.number in self._decided, timeout=timedelta(seconds=acted.approval_seconds)
                )
            self._decided.discard(call.number)
            # Waiting is not working: the run's time begins anew.
            self._deadline = workflow.now() + timedelta(seconds=opened.run_seconds)

    async def _call(self, opened: OpenRunResult, call: PendingCall) -> ActResult:
        assert opened.run_uuid is not None
        acted = await workflow.execute_activity_method(
            ActActivities.act,
            ActInput(opened.run_uuid, call.number),
            start_to_close_timeout=timedelta(seconds=opened.tool_seconds),
            schedule_to_close_timeout=_until(self._deadline),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=opened.step_attempts),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"act {call.number} · {call.tool}",
        )
        await start_notifying(acted.notification_uuids)
        return acted

    async def _close(self, close: CloseRunInput) -> CloseRunResult:
        return await self._to_the_end(
            workflow.execute_local_activity_method(
                RunActivities.close_run, close, start_to_close_timeout=TRANSACTION_TIMEOUT, retry_policy=RETRY_FOREVER
            )
        )

    async def _to_the_end(self, transaction: Awaitable[T]) -> T:
        """Its result, whoever cancels meanwhile: a run must not be left open. The next step hears of it."""
        under_way = asyncio.ensure_future(transaction)
        while not under_way.done():
            try:
                await asyncio.shield(under_way)
            except asyncio.CancelledError:
                self._cancelled = True
        return under_way.result()

    async def _follow(self, request: RunRequest, sync: bool) -> None:
        if sync:
            await workflow.execute_activity_method(
                ScheduleActivities.follow_schedule,
                request.heartbeat_uuid,
                start_to_close_timeout=TRANSACTION_TIMEOUT,
                retry_policy=RETRY_FOREVER,
                summary="the schedule follows its row",
            )


def _until(deadline: datetime) -> timedelta:
    return max(deadline - workflow.now(), timedelta(seconds=1))
