"""One tick, from clock to log: open the run, think and act step by step, close it, sync the schedule.

Only ids cross Temporal. The history of a run without tools has 11 events and 2 workflow tasks: one activity opens it
and takes the first step, each later step is an activity of its own, and the last answer closes the run that it ends.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.act import ToolActivities
    from activities.runs import RunActivities
    from activities.schedules import ScheduleActivities
    from activities.think import ModelActivities
    from heartbeat.domain.contracts import (
        AGENT_RUN,
        WORKER_STOPPED,
        ActInput,
        ActResult,
        CloseRunInput,
        CloseRunResult,
        OpenAndThinkResult,
        OpenRunResult,
        PendingCall,
        RunRequest,
        RunResult,
        ThinkInput,
        ThinkResult,
    )
    from heartbeat.domain.errors import RunLost
    from heartbeat.temporal.converter import read_request
    from workflows.beginnings import begin
    from workflows.endings import OutOfTime, at_limit, ending, gave_no_answer, was_handed_over
    from workflows.notify import start_notifying
    from workflows.options import HEARTBEAT_TIMEOUT, RETRY_FOREVER, TRANSACTION, TRANSACTION_TIMEOUT
    from workflows.shield import shielded

# In the history of a run whose failed call had others beside it. Runs of earlier versions left those to themselves.
ENDS_ALL_CALLS = "ends-all-calls"
# In the history of a run that was cancelled while a step of it ended all the same. Earlier versions went on with it.
HEEDS_CANCELLATION = "heeds-cancellation"
# In the history of a run that waited for a slot. Earlier versions then began with the run's own model and all its time.
KEEPS_ITS_MODEL = "keeps-its-model"
# In the history of a run that went on after its worker was stopped. In earlier versions that counted as an attempt at a
# call, and was heeded by a step whatever had become of its run.
OUTLASTS_STOPS = "outlasts-stops"
# What a step raises that ends its run.
ENDS_RUN = (ActivityError, asyncio.CancelledError, OutOfTime)


@workflow.defn(name=AGENT_RUN)
class AgentRun:
    def __init__(self) -> None:
        self._decided: set[int] = set()
        # Which of the run's models is asked. One that is down stays so for the next steps, until the run has
        # waited for a person or for credits.
        self._model = 0

    @workflow.run
    async def run(self, request: RunRequest, begins_with: str | None = None) -> RunResult:
        if begins_with is None:
            request = read_request(request)
        began = await begin(request, begins_with)
        opened = began.opened
        if not opened.should_run:
            await self._sync_schedule(request, opened.schedule_changed)
            return RunResult("skipped", opened.run_uuid, opened.reason)
        workflow.set_current_details(f"Run `{opened.run_uuid}` is thinking with {opened.model}.")
        ended = await self._take_steps(began)
        closed = ended if isinstance(ended, CloseRunResult) else await self._close(ended)
        workflow.set_current_details(f"Run `{opened.run_uuid}` ended: {closed.status}.")
        await self._sync_schedule(request, closed.schedule_changed)
        await start_notifying(closed.notification_uuids)
        return RunResult(closed.status, opened.run_uuid)

    @workflow.signal
    def decided(self, number: int) -> None:
        """A person decided about step `number`, or there are credits or a slot for it; what it is, is in the store."""
        self._decided.add(number)

    async def _take_steps(self, began: OpenAndThinkResult) -> CloseRunInput | CloseRunResult:
        """Think and act until an answer is the last one. It closed the run, or here is how to."""
        opened = began.opened
        assert opened.run_uuid is not None
        self._begin_anew(opened)
        self._deadline -= timedelta(seconds=began.seconds)
        number = 1
        try:
            if workflow.cancellation_reason() is not None and not _is_closed(began):
                raise asyncio.CancelledError
            thought = await self._first_thought(began)
            while thought.calls or thought.reminded:
                self._raise_if_cancelled()
                number = thought.calls[-1].number + 1 if thought.calls else number + 1
                if number > opened.max_steps:
                    return at_limit(opened)
                await self._act_together(opened, thought.calls)
                thought = await self._think(opened, number)
        except ENDS_RUN as problem:
            return ending(opened, problem, workflow.cancellation_reason())
        if thought.close_result is not None:
            return thought.close_result
        return CloseRunInput(opened.run_uuid, thought.status, thought.error_code, thought.message)

    async def _first_thought(self, began: OpenAndThinkResult) -> ThinkResult:
        """Go on with the first step where the activity that opened the run left it."""
        opened = began.opened
        if began.thought is not None:
            return await self._answer(opened, 1, began.thought)
        if began.failed_attempts:
            self._raise_if_over()
        step = ThinkInput(opened.run_uuid or "", 1, earlier_attempts=began.failed_attempts)
        return await self._answer(opened, 1, await self._ask(opened, step, began.failed_attempts))

    async def _think(self, opened: OpenRunResult, number: int) -> ThinkResult:
        """Take step `number`; return what it came to once it has an answer, or none that it could have."""
        step = ThinkInput(opened.run_uuid or "", number, self._model)
        return await self._answer(opened, number, await self._ask(opened, step))

    async def _answer(self, opened: OpenRunResult, number: int, thought: ThinkResult) -> ThinkResult:
        """What step `number` comes to in the end, of which `thought` is the first that was heard.

        While a model is down the next one is asked, each in an activity of its own, with all its attempts. While no
        credits are left the step waits for some, and while its provider limits the rate it waits for its turn.
        Where runs are bounded it waits for a slot.
        """
        while True:
            if thought.park_seconds is not None:
                await start_notifying(thought.notification_uuids)
                self._raise_if_cancelled()
                workflow.set_current_details(f"Step {number} waits for credits.")
                await self._wait_until_told(number, thought.park_seconds)
                self._begin_anew(opened)
            elif thought.wait_seconds is not None:
                self._raise_if_cancelled()
                workflow.set_current_details(f"Step {number} waits. {thought.message}")
                if thought.turn is None:
                    await self._wait_until_told(number, thought.wait_seconds)
                    self._leave_queue(opened, thought.attempts)
                else:
                    await workflow.sleep(timedelta(seconds=thought.wait_seconds))
            elif thought.next_model is not None:
                if thought.error_code == WORKER_STOPPED and workflow.patched(OUTLASTS_STOPS):
                    self._raise_if_over()
                self._model = thought.next_model
            else:
                return thought
            step = ThinkInput(opened.run_uuid or "", number, self._model, thought.attempts, thought.turn)
            thought = await self._ask(opened, step)

    async def _ask(self, opened: OpenRunResult, step: ThinkInput, failed_attempts: int = 0) -> ThinkResult:
        model = (opened.model, *opened.fallback_models)[self._model]
        summary = f"think {step.number} · {model}"
        try:
            return await workflow.execute_activity_method(
                ModelActivities.think,
                step,
                **self._step_options(opened, opened.step_seconds, summary, failed_attempts),
            )
        except ActivityError as problem:
            attempts = step.earlier_attempts + opened.step_attempts - failed_attempts
            if self._outlasts(problem):
                return ThinkResult(error_code=WORKER_STOPPED, next_model=self._model, attempts=attempts)
            if not (gave_no_answer(problem) and self._model < len(opened.fallback_models)):
                raise
            return ThinkResult(next_model=self._model + 1, attempts=attempts)

    async def _act_together(self, opened: OpenRunResult, calls: Sequence[PendingCall]) -> None:
        """Make calls side by side. When one fails the others are cancelled, and have ended before the run is closed."""
        tasks = [asyncio.create_task(self._act(opened, call)) for call in calls]
        try:
            await asyncio.gather(*tasks)
        except ENDS_RUN as problem:
            if not all(task.done() for task in tasks) and workflow.patched(ENDS_ALL_CALLS):
                if not is_cancelled_exception(problem):
                    # In order: asyncio.TaskGroup cancels in the order of a set, which differs from replay to replay.
                    for task in tasks:
                        task.cancel()
                await shielded(asyncio.gather(*tasks, return_exceptions=True))
            raise

    async def _act(self, opened: OpenRunResult, call: PendingCall) -> None:
        """Make a call; one that needs a person's yes waits for it, however long, holding nothing."""
        while (acted := await self._call(opened, call)).approval_seconds is not None:
            self._raise_if_cancelled()
            workflow.set_current_details(f"Step {call.number}, {call.tool}, waits for a person's approval.")
            await self._wait_until_told(call.number, acted.approval_seconds)
            self._begin_anew(opened)

    async def _wait_until_told(self, number: int, seconds: float) -> None:
        """Wait until step `number` is told to go on, at most so long."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: number in self._decided, timeout=timedelta(seconds=seconds))
        self._decided.discard(number)

    async def _call(self, opened: OpenRunResult, call: PendingCall) -> ActResult:
        """Try a call; being stopped is no attempt, so a call that was handed over to the last begins anew."""
        while True:
            try:
                acted = await self._try(opened, call)
            except ActivityError as problem:
                if not self._outlasts(problem):
                    raise
                self._raise_if_over()
            else:
                await start_notifying(acted.notification_uuids)
                return acted

    async def _try(self, opened: OpenRunResult, call: PendingCall) -> ActResult:
        assert opened.run_uuid is not None
        return await workflow.execute_activity_method(
            ToolActivities.act,
            ActInput(opened.run_uuid, call.number),
            **self._step_options(opened, opened.tool_seconds, f"act {call.number} · {call.tool}"),
        )

    def _outlasts(self, problem: ActivityError) -> bool:
        return was_handed_over(problem) and workflow.patched(OUTLASTS_STOPS)

    def _raise_if_over(self) -> None:
        """Raise in a run that has no time left or was to be cancelled: nothing else bounds how often workers stop."""
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError
        if workflow.now() >= self._deadline:
            raise OutOfTime

    def _raise_if_cancelled(self) -> None:
        """Raise `CancelledError` in a run that was to be cancelled.

        An activity that ends before it hears of its cancellation returns as if nothing had been asked of it.
        """
        if workflow.cancellation_reason() is not None and workflow.patched(HEEDS_CANCELLATION):
            raise asyncio.CancelledError

    def _step_options(
        self, opened: OpenRunResult, attempt_seconds: int, summary: str, failed_attempts: int = 0
    ) -> workflow.ActivityConfig:
        return workflow.ActivityConfig(
            start_to_close_timeout=timedelta(seconds=attempt_seconds),
            schedule_to_close_timeout=max(self._deadline - workflow.now(), timedelta(seconds=1)),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=2**failed_attempts),
                maximum_attempts=opened.step_attempts - failed_attempts,
                non_retryable_error_types=[RunLost.__name__],
            ),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=summary,
        )

    def _leave_queue(self, opened: OpenRunResult, attempts: int) -> None:
        """Go on with a step that waited for a slot, with all the run's time unless the step was tried before.

        Else a step that fails each time that it has a slot would be tried for ever.
        """
        if not workflow.patched(KEEPS_ITS_MODEL):
            self._begin_anew(opened)
        elif not attempts:
            self._renew_deadline(opened)

    def _begin_anew(self, opened: OpenRunResult) -> None:
        self._renew_deadline(opened)
        self._model = 0

    def _renew_deadline(self, opened: OpenRunResult) -> None:
        # Waiting is not working: the run's time begins anew.
        self._deadline = workflow.now() + timedelta(seconds=opened.run_seconds)

    async def _close(self, closing: CloseRunInput) -> CloseRunResult:
        return await shielded(workflow.execute_local_activity_method(RunActivities.close_run, closing, **TRANSACTION))

    async def _sync_schedule(self, request: RunRequest, schedule_changed: bool) -> None:
        if schedule_changed:
            await workflow.execute_activity_method(
                ScheduleActivities.follow_schedule,
                request.heartbeat_uuid,
                start_to_close_timeout=TRANSACTION_TIMEOUT,
                retry_policy=RETRY_FOREVER,
                summary="the schedule follows its row",
            )


def _is_closed(began: OpenAndThinkResult) -> bool:
    return began.thought is not None and began.thought.close_result is not None
