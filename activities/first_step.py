"""Open a run and take its first step, in one activity: most runs are over with it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.gates import GateActivities
from activities.handover import handed_over, is_cancelled, is_handed_over
from activities.heartbeating import heartbeating
from activities.runs import RunActivities
from activities.slots import Take
from activities.step_attempt import TIMED_OUT
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import (
    OpenAndThinkResult,
    OpenRunInput,
    OpenRunResult,
    ThinkInput,
    ThinkResult,
)
from heartbeat.store.tables.runs import Run
from heartbeat.telemetry.light_structlog import structlog

# A request has its own limit, which says more: this one is for what is around it.
MARGIN_SECONDS = 2
# Before what failed is tried again, where the provider does not say how long.
RETRY_DELAY = timedelta(seconds=1)


class FirstStepActivities:
    """What begins a run. `take` takes a step of it."""

    def __init__(
        self,
        runs: RunActivities,
        gates: GateActivities,
        take: Take,
        now: Clock = utc_now,
    ) -> None:
        self._runs = runs
        self._gates = gates
        self._take = take
        self._now = now

    @activity.defn
    async def open_and_think(self, opening: OpenRunInput) -> OpenAndThinkResult:
        """Claim the tick and take the first step of its run.

        It is tried again until it succeeds, as all that opens a run, so it takes the step once at most: whatever comes
        of a first attempt, the next one finds the run, and leaves the step to an activity with limits of its own.
        """
        async with heartbeating():
            claimed = await self._gates.claim(opening)
            opened = self._runs.result(claimed)
            if claimed.run is None or claimed.run.status == "skipped":
                return OpenAndThinkResult(opened)
            if not opened.should_run:
                # A lost attempt closed it, perhaps before anybody was told: the workflow closes it again.
                return OpenAndThinkResult(replace(opened, should_run=True), ThinkResult())
            with structlog.contextvars.bound_contextvars(run_id=claimed.run.uuid):
                return await self._begin(claimed.run, opened, claimed.is_new)

    async def _begin(self, run: Run, opened: OpenRunResult, is_new: bool) -> OpenAndThinkResult:
        thought, failed_attempts = None, 0
        # Where a step is tried but once, Temporal has to know of it. Who is to be told of a gate does not wait for it.
        if opened.step_attempts > 1 and not opened.notification_uuids:
            if not is_new:
                thought, failed_attempts = self._next_model(run, opened), 1
            elif activity.info().attempt == 1 and not activity.is_worker_shutdown():
                thought = await self._think(run, opened)
        return OpenAndThinkResult(opened, thought, failed_attempts, self._seconds(run))

    def _seconds(self, run: Run) -> float:
        return max(0.0, (self._now() - run.started_at).total_seconds())

    def _next_model(self, run: Run, opened: OpenRunResult) -> ThinkResult | None:
        """Have the next model asked where the lost attempt has used half of the run's time, as later ones do."""
        if not (opened.fallback_models and opened.run_seconds / 2 < self._seconds(run) < opened.run_seconds):
            return None
        return ThinkResult(next_model=1, attempts=1)

    async def _think(self, run: Run, opened: OpenRunResult) -> ThinkResult | None:
        """Take the step; `None` if the workflow was cancelled, which then closes the run."""
        limit = min(opened.step_seconds + MARGIN_SECONDS, opened.run_seconds)
        try:
            async with asyncio.timeout(limit):
                return await self._take(ThinkInput(run.uuid, 1))
        except TimeoutError:
            words = f"The step did not end in time ({opened.step_seconds} s for a model to answer)."
            raise ApplicationError(words, type=TIMED_OUT) from None
        except ApplicationError as failure:
            left = timedelta(seconds=opened.run_seconds - self._seconds(run))
            if failure.non_retryable or (failure.next_retry_delay or RETRY_DELAY) >= left:
                return ThinkResult(error_code=failure.type, message=failure.message)
            raise
        except asyncio.CancelledError:
            if is_handed_over():
                return handed_over(0, 0)
            if is_cancelled():
                return None
            raise
