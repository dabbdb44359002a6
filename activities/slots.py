"""Steps that wait for a free slot, where runs of a project or requests to a provider are bounded."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.durable_database import write_durably
from activities.handover import is_handed_over
from activities.heartbeating import heartbeating
from heartbeat.domain.bounds import PROVIDER
from heartbeat.domain.clock import Clock
from heartbeat.domain.contracts import WORKER_STOPPED, ActInput, CloseRunInput, ThinkInput, ThinkResult
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.runs.slots import SlotClaim, Waking, claim_slots, release_slots

# Takes a step of a run.
Take = Callable[[ThinkInput], Awaitable[ThinkResult]]
# Tells the workflows of runs, each by its id, that this step of theirs goes on; for so many seconds at most.
Wake = Callable[[Sequence[tuple[str, int]], float], Awaitable[int]]
# A step or the end of a run waits no longer for others to be woken: whom it leaves Upkeep tells.
WAKING_SECONDS = 3.0
# It is woken when it is its turn; after so long it looks itself.
WAIT_SECONDS = 900.0
# What a step or a run may take beyond its own time: to be tried again when a worker died.
MARGIN = timedelta(seconds=30)
NO_SLOT = "As many runs of its project, or requests to its provider, are under way as may be at once."


class SlotKeeper(Interceptor):
    """Has each step that asks a model take the slots that it needs, and give them back; a run that ends as well.

    A worker has one only where something is bounded.
    """

    def __init__(self, wake: Wake, database: Database, settings: Settings, now: Clock) -> None:
        self._wake_all = wake
        self._database = database
        self._settings = settings
        self._now = now
        self._bounds = settings.bounds()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand before an activity."""
        return _Keeping(next, self)

    async def take(self, take: Take, step: ThinkInput) -> ThinkResult:
        """Take a step with its slots, or have it wait for them."""
        if (waits := await self._claim(step)) is not None:
            return waits
        try:
            result = await take(step)
        except BaseException:
            # The next attempt has it then. Were it to wait, in an activity of its own, the attempts would begin anew.
            if _is_last_attempt() and not is_handed_over():
                await self.release(step.run_uuid, PROVIDER)
            raise
        if result.error_code != WORKER_STOPPED:
            is_over = result.close_result is not None or result.park_seconds is not None
            await self.release(step.run_uuid, "" if is_over else PROVIDER)
        return result

    async def _claim(self, step: ThinkInput) -> ThinkResult | None:
        """Take the slots of a step; where one is not free the step waits, and no attempt was made."""
        run_time = timedelta(seconds=self._settings.run_timeout_seconds) + MARGIN
        step_time = timedelta(seconds=self._settings.step_timeout_seconds) + MARGIN
        claim = SlotClaim(step.run_uuid, step.number, step.model_index, step_time, run_time)
        async with heartbeating():
            claiming = write_durably(self._database, claim_slots, claim, self._bounds, self._now())
            has_all, waking = await claiming
            await self._wake(waking)
        if has_all:
            return None
        attempts = step.earlier_attempts + activity.info().attempt - 1
        return ThinkResult(error_code="no_slot", message=NO_SLOT, wait_seconds=WAIT_SECONDS, attempts=attempts)

    async def release(self, run_uuid: str, kind: str = "") -> None:
        """Give a run's slots of this kind back, or all."""
        async with heartbeating():
            released = write_durably(self._database, release_slots, run_uuid, kind, self._bounds, self._now())
            await self._wake(await released)

    async def _wake(self, waking: Sequence[Waking]) -> None:
        # What is lost here Upkeep tells again.
        await self._wake_all([(each.workflow_id, each.step) for each in waking], WAKING_SECONDS)


class _Keeping(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, keeper: SlotKeeper) -> None:
        super().__init__(inner)
        self._keeper = keeper

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        [message, *_] = input.args or [None]
        if isinstance(message, ThinkInput):
            return await self._keeper.take(lambda step: self.next.execute_activity(input), message)
        result = await super().execute_activity(input)
        waits = isinstance(message, ActInput) and result.approval_seconds is not None
        # A run that has ended, or waits for a person, holds nothing.
        if waits or isinstance(message, CloseRunInput):
            await self._keeper.release(message.run_uuid)
        return result


def _is_last_attempt() -> bool:
    policy = activity.info().retry_policy
    return policy is not None and 0 < policy.maximum_attempts <= activity.info().attempt
