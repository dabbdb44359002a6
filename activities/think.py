"""Think: one model request of a run, written and charged once."""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.durable_database import read_durably, write_durably
from activities.handover import counting_attempt, handed_over, is_handed_over
from activities.heartbeating import heartbeating
from activities.run_metrics import count_answer, count_failure
from activities.runs import run_limits
from activities.step_attempt import TIMED_OUT, StepAttempt, step_attempt
from activities.toolbox import Toolbox
from heartbeat.agents.bodies.shapes import TokenUsage
from heartbeat.agents.failures import LIMITED, RATE_LIMITED, REPEATED, SILENT, ModelFailure
from heartbeat.agents.rate_limits import rate_limit_scope
from heartbeat.agents.tools.definitions import OfferedTool, gone_tool
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import PendingCall, ThinkInput, ThinkResult
from heartbeat.domain.errors import RunLost, Unavailable
from heartbeat.domain.failure_policy import BUDGET_EXHAUSTED, Ending
from heartbeat.settings import Settings
from heartbeat.store.credits.budgets import Shortage
from heartbeat.store.database.database import Database
from heartbeat.store.notifications.outbox import unsent_notifications
from heartbeat.store.runs.attempts import AttemptUsage, FailedAttempt, note_failed, note_lost
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.rate_limits import note_refusal, take_turn
from heartbeat.store.runs.recordings import recorded_tools
from heartbeat.store.runs.steps import (
    NewStep,
    Transcript,
    begin_step,
    next_request_tokens,
    read_transcript,
    settle_step,
)
from heartbeat.store.runs.tool_changes import record_change
from heartbeat.store.tables.runs import Approval, Run, Step
from heartbeat.store.tools.toolset import Toolset, toolset

if TYPE_CHECKING:
    from activities.model_requests import ModelClient

# How a run ended that waited for credits.
UNPAID = {"denied": "A person ended the run.", "expired": "Nobody gave it more in time."}


class ModelActivities:
    """Requests to models."""

    def __init__(self, database: Database, settings: Settings, toolbox: Toolbox, now: Clock = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._toolbox = toolbox
        self._now = now
        self._limits = run_limits(settings)
        self._remind_after = timedelta(hours=settings.finding_reminder_hours)
        self._client: ModelClient | None = None
        self._loading = asyncio.Lock()

    @activity.defn
    async def think(self, step: ThinkInput) -> ThinkResult:
        """`take` as an activity of its own."""
        async with heartbeating():
            return await self.take(step)

    async def take(self, step: ThinkInput) -> ThinkResult:
        """Ask the model once. A step whose answer is in the store already is not asked again."""
        transcript, tools = await self._begin(step)
        if (known := transcript.step(step.number)) is not None:
            return _result(known, transcript.steps)
        if transcript.run.status != "running":
            return ThinkResult()
        if step.number > 1 and transcript.step(step.number - 1) is None:
            # The database went back. To go on from what is left would be to make calls again that were made.
            raise RunLost(step.run_uuid)
        if transcript.shortage is not None:
            attempts = step.earlier_attempts + activity.info().attempt - 1
            return await self._wait_or_end(transcript, transcript.shortage, attempts)
        if too_long := _too_long(transcript, self._settings.transcript_bytes):
            return ThinkResult(error_code="transcript_too_long", message=too_long)
        attempt = step_attempt(transcript, step, self._settings.run_timeout_seconds)
        if (waits := await self._wait_for_turn(transcript, step, attempt)) is not None:
            return waits
        answer = await self._ask(transcript, tools, attempt)
        if isinstance(answer, ThinkResult):
            return answer
        with counting_attempt():
            result = await self._settle(step.run_uuid, answer)
        if result.close_result is not None:
            self._toolbox.close_run(step.run_uuid)
        return result

    async def close(self) -> None:
        """Give the model clients' connections back."""
        if self._client is not None:
            await self._client.close()

    async def _begin(self, step: ThinkInput) -> tuple[Transcript, Toolset]:
        """Read the transcript, with the worst case reserved; the first attempt's was when the run was opened.

        Not that of a run which waited for a slot, though nothing be bounded any more: it has reserved nothing yet.
        """
        is_first = step.number == 1 and activity.info().attempt == 1 and not step.earlier_attempts
        if is_first and not self._limits.bounds:
            transcript, tools = await read_durably(self._database, _first_step, step.run_uuid)
            if transcript.run.credits_held or not any(map(self._limits.rate, transcript.run.models)):
                return transcript, tools
        return await write_durably(self._database, _later_step, step, self._limits, self._now())

    async def _wait_or_end(self, transcript: Transcript, shortage: Shortage, attempts: int) -> ThinkResult:
        """Have a step wait for credits, or end its run if nobody gave any; a rehearsal asks nobody."""
        run, approval = transcript.run, transcript.park
        if approval is None:
            return ThinkResult(error_code=BUDGET_EXHAUSTED, message=shortage.sentence)
        if approval.state == "pending":
            return ThinkResult(
                error_code=BUDGET_EXHAUSTED,
                message=shortage.sentence,
                park_seconds=_park_seconds(approval, shortage, self._now()),
                attempts=attempts,
                notification_uuids=await self._database.read(unsent_notifications, run.id),
            )
        message = f"{shortage.sentence} {UNPAID[approval.state]}"
        ending = Ending("error", BUDGET_EXHAUSTED, message, short_of=shortage.owner)
        closing = write_durably(self._database, close_run, run.uuid, ending, self._now(), self._remind_after)
        close_result = await closing
        self._toolbox.close_run(run.uuid)
        return ThinkResult(error_code=BUDGET_EXHAUSTED, message=message, close_result=close_result)

    async def _wait_for_turn(
        self, transcript: Transcript, step: ThinkInput, attempt: StepAttempt
    ) -> ThinkResult | None:
        """Have a step wait, without an attempt, while its provider limits the rate; `None` if it may be asked."""
        if transcript.limited_until is None and transcript.run.waiting is None:
            return None
        scope, now = rate_limit_scope(attempt.model, self._settings), self._now()
        before = datetime.fromisoformat(step.turn) if step.turn else None
        turn = await write_durably(self._database, take_turn, scope, transcript.run, before, now)
        if turn is None:
            return None
        words, wait = LIMITED.format(model=attempt.model), (turn - now).total_seconds()
        is_given_up = wait > min(self._settings.step_timeout_seconds, attempt.seconds_left())
        if (after := attempt.after(RATE_LIMITED, is_given_up)) is not None:
            return _next_model(after, RATE_LIMITED, words, attempt.number - 1)
        if wait > attempt.seconds_left():
            raise ApplicationError(words, type=RATE_LIMITED, non_retryable=True)
        return ThinkResult(
            error_code=RATE_LIMITED,
            message=words,
            wait_seconds=wait,
            turn=turn.isoformat(),
            attempts=attempt.number - 1,
        )

    async def _ask(self, transcript: Transcript, tools: Toolset, attempt: StepAttempt) -> NewStep | ThinkResult:
        """Make the request and write down the attempts that came to nothing; or say which model is asked next."""
        client = await self._model_client()
        if attempt.number > 1:
            before = self._most(transcript, attempt.before)
            await write_durably(self._database, note_lost, transcript.run.id, before, self._now())
        if (after := attempt.after_half_the_time()) is not None:
            return _next_model(after, TIMED_OUT, SILENT.format(model=attempt.model), attempt.number - 1)
        offered = await self._offered(transcript.run, tools, attempt.model)
        try:
            return await client.ask(transcript, offered, attempt)
        except ModelFailure as failure:
            with counting_attempt():
                await self._note_failed(transcript.run, failure, attempt)
            is_last = self._is_last(attempt)
            error = _application_error(failure, attempt, self._settings.run_timeout_seconds, is_last)
            if (after := attempt.after(failure.code, self._is_given_up(error, is_last))) is not None:
                return _next_model(after, failure.code, failure.words, attempt.number)
            # Without its cause and the provider's words: they may hold what must not enter Temporal's history.
            raise error from None
        except asyncio.CancelledError:
            most = self._most(transcript, attempt)
            await self._database.write(note_lost, transcript.run.id, most, self._now())
            if is_handed_over():
                # The same model once more: being stopped is no attempt that failed, though it may have to be paid for.
                return handed_over(attempt.index, attempt.number)
            raise

    def _is_last(self, attempt: StepAttempt) -> bool:
        """Whether its model is not tried again; attempts before the step waited count, which Temporal does not know."""
        policy = activity.info().retry_policy
        is_last_of_activity = policy is not None and 0 < policy.maximum_attempts <= activity.info().attempt
        return is_last_of_activity or len(attempt.codes) + 1 >= self._settings.step_attempts

    def _is_given_up(self, error: ApplicationError, is_last: bool) -> bool:
        """Whether it is not tried again, or only after longer than another model may take to answer."""
        wait = error.next_retry_delay or timedelta()
        return error.non_retryable or is_last or wait > timedelta(seconds=self._settings.step_timeout_seconds)

    async def _offered(self, run: Run, tools: Toolset, model: str) -> list[OfferedTool]:
        """List what this model may ask for; of a replay also what the run that is replayed called and is gone.

        What a server said to have changed since the last step is paused before it is offered again.
        """
        offered = await self._toolbox.offered(run, tools, [model])
        changes = await self._toolbox.changed(run.uuid, offered)
        for change in changes:
            await self._database.write(record_change, run, change, self._now())
        offered = [tool for tool in offered if tool.name not in {change.offered_name for change in changes}]
        if not run.replay_of or not offered:
            return offered
        names = await self._database.read_inline(recorded_tools, run.replay_of)
        known = {tool.name for tool in offered}
        return [*offered, *(gone_tool(name) for name in names if name not in known)]

    async def _note_failed(self, run: Run, failure: ModelFailure, attempt: StepAttempt) -> None:
        """Write the attempt down, and charge what it used."""
        count_failure(attempt.model, failure.code)
        usage = self._usage(attempt, failure.usage or TokenUsage(0, 0))
        failed = FailedAttempt(usage, failure.code, failure.provider_words or None)
        rate = self._limits.rate(attempt.model)
        await write_durably(self._database, note_failed, run.uuid, failed, rate, self._now())
        if failure.code == RATE_LIMITED:
            scope = rate_limit_scope(attempt.model, self._settings)
            await write_durably(self._database, note_refusal, scope, failure.retry_after, self._now())

    def _most(self, transcript: Transcript, attempt: StepAttempt) -> AttemptUsage:
        """The most that an attempt can have used that was lost."""
        return self._usage(attempt, TokenUsage(next_request_tokens(transcript, self._limits), 0))

    def _usage(self, attempt: StepAttempt, used: TokenUsage) -> AttemptUsage:
        cost = self._limits.cost_nano_usd(attempt.model, used.input_tokens, used.output_tokens)
        return AttemptUsage(attempt.step, attempt.number, attempt.model, used.input_tokens, used.output_tokens, cost)

    async def _settle(self, run_uuid: str, step: NewStep) -> ThinkResult:
        """Write and charge the step, which is paid for; an answer that asks for nothing more closes its run."""
        settlement = run_uuid, step, self._limits, self._remind_after, self._now()
        count_answer(step, self._limits.rate(step.model))
        try:
            return await write_durably(self._database, _settle, *settlement)
        except asyncio.CancelledError:
            # A cancellation comes too late to spare the cost. Once more, for the write may not have begun.
            with suppress(Unavailable):
                await self._database.write(_settle, *settlement)
            raise

    async def _model_client(self) -> "ModelClient":
        async with self._loading:
            if self._client is None:
                self._client = await asyncio.to_thread(_load, self._settings)
            return self._client


def _first_step(connection: Connection, run_uuid: str) -> tuple[Transcript, Toolset]:
    transcript = read_transcript(connection, run_uuid)
    return transcript, toolset(connection, transcript.run.bot_id, transcript.run.member_id)


def _later_step(
    connection: Connection, step: ThinkInput, limits: RunLimits, now: datetime
) -> tuple[Transcript, Toolset]:
    transcript = begin_step(connection, step.run_uuid, step.number, limits, now)
    return transcript, toolset(connection, transcript.run.bot_id, transcript.run.member_id)


def _park_seconds(approval: Approval, shortage: Shortage, now: datetime) -> float:
    """How long a step waits: until nobody can answer any more, or until a new period gives credits."""
    until = min(approval.expires_at, shortage.until or approval.expires_at)
    # A clock that is a little behind must not be asked again and again.
    return max(1.0, (until - now).total_seconds())


def _too_long(transcript: Transcript, max_length: int) -> str | None:
    length = sum(len(step.answer) + len(step.messages) for step in transcript.steps)
    if length <= max_length:
        return None
    return (
        f"What was said and read in this run came to {length} characters, and at most {max_length} are kept. Let the "
        "agent read less at once, or raise HEARTBEAT_TRANSCRIPT_BYTES."
    )


def _settle(
    connection: Connection, run_uuid: str, step: NewStep, limits: RunLimits, remind_after: timedelta, now: datetime
) -> ThinkResult:
    """Write the step and, if it was the last one, close its run: one transaction and one activity less a run."""
    result = _result(*settle_step(connection, run_uuid, step, limits.rate(step.model), now))
    if result.calls or result.reminded:
        return result
    ending = Ending(result.status, result.error_code, result.message)
    return replace(result, close_result=close_run(connection, run_uuid, ending, now, remind_after))


def _result(answer: Step, transcript: Sequence[Step]) -> ThinkResult:
    """What a written answer asks for: the calls between it and the next answer."""
    later_steps = (step for step in transcript if step.number > answer.number)
    calls = takewhile(lambda step: step.kind == "tool", later_steps)
    pending = tuple(PendingCall(call.number, call.name or "") for call in calls)
    return ThinkResult(pending, answer.failure_code, answer.failure, reminded=answer.reminder is not None)


def load_libraries(settings: Settings) -> None:
    """Import the model libraries, which takes seconds: in a thread, so that the worker goes on meanwhile."""
    import activities.model_requests  # noqa: F401
    from heartbeat.agents.providers import load

    load(settings)
    # What was imported stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()


def _load(settings: Settings) -> "ModelClient":
    load_libraries(settings)
    from activities.model_requests import ModelClient

    return ModelClient(settings)


def _next_model(index: int, code: str, words: str, attempts: int) -> ThinkResult:
    """Have another model asked. A worker of an earlier version, which does not, ends the run with this error."""
    return ThinkResult(error_code=code, message=words, next_model=index, attempts=attempts)


def _application_error(
    failure: ModelFailure, attempt: StepAttempt, run_seconds: int, is_last: bool
) -> ApplicationError:
    """The failure as Temporal retries it: after the provider's Retry-After, unless that outlasts any run.

    One that repeats itself, as an earlier one of this model did at this step, is not tried a third time.
    """
    wait = failure.retry_after
    is_repeated = failure.code in REPEATED and any(code in REPEATED for code in attempt.codes)
    is_retryable = failure.retryable and not is_repeated and (wait is None or wait < run_seconds)
    code, words = attempt.all_failed(failure.code, failure.words)
    if is_retryable and is_last and len(attempt.codes) >= activity.info().attempt:
        is_retryable, words = False, f"{words} Tried {len(attempt.codes) + 1} times."
    return ApplicationError(
        words,
        type=code,
        non_retryable=not is_retryable,
        next_retry_delay=timedelta(seconds=wait) if is_retryable and wait else None,
    )
