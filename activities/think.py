"""Think: one model request of a run, written and charged once."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeating import heartbeating
from activities.runs import run_limits, utc_now
from activities.toolbox import Toolbox
from heartbeat.agents.failures import ModelFailure
from heartbeat.domain.contracts import PendingCall, ThinkInput, ThinkResult
from heartbeat.domain.errors import Unavailable
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.runs.closing import Ending, close_run
from heartbeat.store.runs.steps import (
    NewStep,
    Transcript,
    begin_step,
    next_request_tokens,
    note_attempt,
    note_lost,
    read_transcript,
    settle_step,
)
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tools.toolset import Toolset, toolset

if TYPE_CHECKING:
    from activities.model_requests import ModelClient


class ThinkActivities:
    """Thinks. The model libraries are loaded at the first request: an idle worker stays small."""

    def __init__(
        self, database: Database, settings: Settings, toolbox: Toolbox, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._settings = settings
        self._toolbox = toolbox
        self._now = now
        self._house = run_limits(settings)
        self._remind = timedelta(hours=settings.finding_reminder_hours)
        self._asking: ModelClient | None = None
        self._loading = asyncio.Lock()

    @activity.defn
    async def think(self, think: ThinkInput) -> ThinkResult:
        """Ask the model once. A repeated step whose answer is in the store is not asked again."""
        standing, tools = await self._standing(think)
        if (done := standing.step(think.number)) is not None:
            return _thought(done, standing.steps)
        if standing.run.status != "running":
            return ThinkResult()
        if standing.shortage is not None:
            return ThinkResult(error_code="budget_exhausted", message=standing.shortage)
        if too_long := self._too_long(standing):
            return ThinkResult(error_code="transcript_too_long", message=too_long)
        async with heartbeating():
            return await self._attempt(standing, tools, think.number, activity.info().attempt)

    async def close(self) -> None:
        """Give the model clients' connections back."""
        if self._asking is not None:
            await self._asking.close()

    async def _standing(self, think: ThinkInput) -> tuple[Transcript, Toolset]:
        """Where the run stands, with this step's worst case reserved: the first one's was when the run was opened."""

        def look(connection: Connection) -> tuple[Transcript, Toolset]:
            if think.number == 1:
                standing = read_transcript(connection, think.run_uuid)
            else:
                standing = begin_step(connection, think.run_uuid, think.number, self._house, self._now())
            return standing, toolset(connection, standing.run.bot_id)

        return await (self._database.read_inline(look) if think.number == 1 else self._database.write(look))

    def _too_long(self, standing: Transcript) -> str | None:
        most = self._settings.transcript_bytes
        size = sum(len(step.answer) + len(step.messages) for step in standing.steps)
        if size <= most:
            return None
        return f"What was said and read in this run came to {size} characters, and at most {most} are kept."

    async def _attempt(self, standing: Transcript, tools: Toolset, number: int, attempt: int) -> ThinkResult:
        run, asking = standing.run, await self._loaded()
        if attempt > 1:
            await self._note_lost(standing, number, attempt - 1)
        try:
            offered = await self._toolbox.offered(run, tools)
            step = await asking.ask(standing, offered, number, attempt)
        except ModelFailure as failure:
            await self._note_failed(run, number, attempt)
            # Without its cause: the provider's raw words may hold what must not enter Temporal's history.
            raise _told_to_temporal(failure, self._settings.run_timeout_seconds) from None
        except asyncio.CancelledError:
            await self._note_lost(standing, number, attempt)
            raise
        return await self._keep(run, step)

    async def _loaded(self) -> "ModelClient":
        async with self._loading:
            if self._asking is None:
                self._asking = await asyncio.to_thread(_load, self._settings)
            return self._asking

    async def _note_lost(self, standing: Transcript, number: int, attempt: int) -> None:
        """Nobody knows what the attempts up to this one used, unless it was written down."""
        from activities.model_requests import unanswered

        last = unanswered(standing.run, number, attempt, next_request_tokens(standing, self._house))
        await self._database.write(note_lost, standing.run.id, last, self._now())

    async def _note_failed(self, run: Run, number: int, attempt: int) -> None:
        from activities.model_requests import unanswered

        step = unanswered(run, number, attempt)
        await self._database.write(note_attempt, run.id, step, "failed", self._now())

    async def _keep(self, run: Run, step: NewStep) -> ThinkResult:
        """Write and charge the step; an answer that asks for nothing more closes its run in the same transaction.

        The answer is paid for, so a store that is away is waited for, not failed on.
        """
        rate = self._house.rate(run.model)

        def keep(connection: Connection) -> ThinkResult:
            now = self._now()
            thought = _thought(*settle_step(connection, run.uuid, step, rate, now))
            if thought.calls:
                return thought
            ending = Ending(thought.status, thought.error_code, thought.message)
            return replace(thought, close_result=close_run(connection, run.uuid, ending, now, self._remind))

        try:
            while True:
                try:
                    return await self._database.write(keep)
                except Unavailable:
                    await asyncio.sleep(1)
        except asyncio.CancelledError:
            # Whoever cancels comes too late to be spared the cost. Once more, for the write may not have begun.
            with suppress(Unavailable):
                await self._database.write(keep)
            raise


def _thought(step: Step, transcript: Sequence[Step]) -> ThinkResult:
    """What a written step asks for: the calls between it and the next answer."""
    after = [later for later in transcript if later.number > step.number]
    calls = takewhile(lambda later: later.kind == "tool", after)
    return ThinkResult(
        tuple(PendingCall(call.number, call.name or "") for call in calls), step.failure_code, step.failure
    )


def _load(settings: Settings) -> "ModelClient":
    """Import the model libraries, which takes a second: in a thread, so that the worker goes on meanwhile."""
    from activities.model_requests import ModelClient

    # What was imported stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    return ModelClient(settings)


def _told_to_temporal(failure: ModelFailure, run_seconds: int) -> ApplicationError:
    """The failure as Temporal retries it: with the provider's wish for a pause, unless that outlasts any run."""
    wait = failure.retry_after
    retry = failure.retryable and (wait is None or wait < run_seconds)
    return ApplicationError(
        failure.message,
        type=failure.code,
        non_retryable=not retry,
        next_retry_delay=timedelta(seconds=wait) if retry and wait else None,
    )
