"""A step of a run: one model request, written and charged once."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.runs import utc_now
from heartbeat.agents.failures import ModelFailure
from heartbeat.contracts import Think, Thought
from heartbeat.credits import rate_for
from heartbeat.errors import Unavailable
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.ledger import NewStep, settle_step, where_it_stands
from heartbeat.store.records import Run, Step

if TYPE_CHECKING:
    from heartbeat.agents.request import Answer, Models

BEAT_SECONDS = 2


class Agent:
    """Thinks. The model libraries are loaded at the first request: an idle worker stays small."""

    def __init__(self, database: Database, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._models: Models | None = None
        self._loading = asyncio.Lock()

    @activity.defn
    async def think(self, think: Think) -> Thought:
        """Ask the model once. A repeated step whose answer is in the store is not asked again."""
        run, done = await self._database.read(lambda connection: where_it_stands(connection, think.run, think.number))
        if done is not None or run.status != "running":
            return _thought(done) if done else Thought(True)
        async with _beating():
            began = time.monotonic()
            answer = await self._ask(run)
            step = NewStep(
                number=think.number,
                kind="model",
                answer=answer.text,
                messages=answer.messages,
                final=True,
                failure_code=answer.failure_code,
                failure=answer.failure,
                model=run.model,
                input_tokens=answer.input_tokens,
                output_tokens=answer.output_tokens,
                duration_ms=round((time.monotonic() - began) * 1000),
            )
            return _thought(await self._keep(run, step))

    async def close(self) -> None:
        """Give the model clients' connections back."""
        if self._models is not None:
            await self._models.close()

    async def _ask(self, run: Run) -> "Answer":
        async with self._loading:
            if self._models is None:
                self._models = await asyncio.to_thread(_load_models, self._settings)
            models = self._models
        try:
            return await models.ask(run.model, run.instruction, run.prompt, run.max_reply_tokens)
        except ModelFailure as failure:
            # Without its cause: the provider's raw words may hold what must not enter Temporal's history.
            raise _told_to_temporal(failure, self._settings.run_timeout_seconds) from None

    async def _keep(self, run: Run, step: NewStep) -> Step:
        """Write and charge the step. The answer is paid for, so a store that is away is waited for, not failed on."""
        settings = self._settings
        rate = rate_for(run.model, settings.credits_per_1000_tokens, settings.model_rates)
        while True:
            try:
                return await self._database.write(
                    lambda connection: settle_step(connection, run.uuid, step, rate, self._now())
                )
            except Unavailable:
                await asyncio.sleep(1)


def _thought(step: Step) -> Thought:
    return Thought(step.final, step.failure_code, step.failure)


def _load_models(settings: Settings) -> "Models":
    """Import the model libraries, which takes a second: in a thread, so that the worker goes on meanwhile."""
    from heartbeat.agents.request import Models

    # What was imported stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    return Models(settings)


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


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Heartbeats while the body runs: a dead worker is noticed, and a cancellation heard, within seconds.

    None at once: the start says as much, and an answer within two seconds costs no request to Temporal.
    """

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
