"""Workflows whose activities do what a test says, registered under the names of the real ones: no store, no model."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

from temporalio import activity
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from heartbeat.domain.contracts import (
    AGENT_RUN,
    CANCELLED_BY_HAND,
    WORKER_STOPPED,
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
from heartbeat.domain.ids import new_id
from tests.support.patience import until
from tests.support.world import SANDBOX
from worker import WORKFLOWS
from workflows.agent_run import AgentRun

OPENED = OpenRunResult(True, "log_1", model="scripted", step_attempts=1)

# The steps of `Calls`, by what becomes of them.
FAILS, WAITS_FOR_A_PERSON, TAKES_LONG = 2, 3, (4, 5, 6, 7)
DAY = 86_400.0


class Calls:
    """Calls that are made together; the one that fails does so once the others are under way."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self._under_way = asyncio.Semaphore(0)

    async def act(self, number: int) -> ActResult:
        if number == FAILS:
            await self.under_way()
            raise ApplicationError("The store is broken.", type="broken", non_retryable=True)
        self._under_way.release()
        return ActResult(approval_seconds=DAY) if number == WAITS_FOR_A_PERSON else await for_ever()

    async def under_way(self) -> None:
        """Return once every call that does not fail has begun."""
        for _ in set(self.numbers) - {FAILS}:
            await self._under_way.acquire()


class Unheard:
    """A step that ends with `result` although its run is cancelled: without a heartbeat it never hears of that.

    It raises what is an error. When it is made again it has no more to say.
    """

    def __init__(self, result: ActResult | ThinkResult | ApplicationError) -> None:
        self._results = iter((result, ActResult()))
        self._under_way, self._cancelled = asyncio.Event(), asyncio.Event()

    async def act(self, number: int) -> Any:
        self._under_way.set()
        await self._cancelled.wait()
        result = next(self._results)
        if isinstance(result, ApplicationError):
            raise result
        return result

    async def cancel(self, handle: WorkflowHandle[AgentRun, RunResult]) -> None:
        """Cancel the run, and let the call end as soon as the workflow has asked for its cancellation."""
        await self._under_way.wait()
        await handle.cancel(reason=CANCELLED_BY_HAND)
        await until(handle.fetch_history, _asks_for_cancellation)
        self._cancelled.set()


def _asks_for_cancellation(history: WorkflowHistory) -> bool:
    return any(event.HasField("activity_task_cancel_requested_event_attributes") for event in history.events)


def stopped() -> ApplicationError:
    """What becomes of a step whose worker stops."""
    return ApplicationError("The worker was stopped; another one goes on.", type=WORKER_STOPPED)


async def for_ever() -> NoReturn:
    """Heartbeat until cancelled."""
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)


class ScriptedRun:
    """`events` is what happened, in order, and `closing` how the run was closed if its answer did not close it."""

    closing: CloseRunInput

    def __init__(
        self,
        act: Callable[[int], Awaitable[ActResult]],
        *numbers: int,
        closed: CloseRunResult = CloseRunResult("success"),  # noqa: B008
        opened: OpenRunResult = OPENED,
        silent_models: int = 0,
    ) -> None:
        """The model asks once, for the calls that are steps `numbers`; `act(number)` makes one of them.

        Its second answer closes the run, with `closed` left to do. So many of its models never answer.
        """
        self._act = act
        self._asked = ThinkResult(tuple(PendingCall(number, f"tool_{number}") for number in numbers))
        self._closed = closed
        self._opened, self._silent_models = opened, silent_models
        self.events: list[str] = []

    @activity.defn
    async def open_run(self, opening: OpenRunInput) -> OpenRunResult:
        return self._opened

    @activity.defn
    async def think(self, step: ThinkInput) -> ThinkResult:
        if step.model_index < self._silent_models:
            await for_ever()
        return self._asked if step.number == 1 and self._asked.calls else ThinkResult(close_result=self._closed)

    @activity.defn
    async def act(self, step: ActInput) -> ActResult:
        try:
            result = await self._act(step.number)
        except asyncio.CancelledError:
            self.events.append(f"{step.number} cancelled")
            raise
        except BaseException:
            self.events.append(f"{step.number} failed")
            raise
        self.events.append(f"{step.number} done")
        return result

    @activity.defn
    async def close_run(self, closing: CloseRunInput) -> CloseRunResult:
        self.closing = closing
        self.events.append(f"closed: {closing.error_code}")
        return CloseRunResult(closing.status)

    @asynccontextmanager
    async def started(self, client: Client) -> AsyncIterator[WorkflowHandle[AgentRun, RunResult]]:
        """The run under way, with a worker of its own."""
        async with scripted_worker(client, self.open_run, self.think, self.act, self.close_run) as queue:
            yield await client.start_workflow(
                AGENT_RUN, RunRequest("hb_1", 1), id=new_id("run"), task_queue=queue, result_type=RunResult
            )


class HandedOver(ScriptedRun):
    """A run of two answers and the call between them, which is step 2. Each was handed over `stops` times before.

    `thoughts` is what the model was asked.
    """

    def __init__(self, stops: int, run_seconds: int) -> None:
        super().__init__(self._call, 2, opened=replace(OPENED, run_seconds=run_seconds))
        self._left = Counter(dict.fromkeys((1, 2, 3), stops))
        self.thoughts: list[ThinkInput] = []

    @activity.defn(name="think")
    async def think(self, step: ThinkInput) -> ThinkResult:
        self.thoughts.append(step)
        self._stop(step.number)
        return await super().think(step)

    async def _call(self, number: int) -> ActResult:
        self._stop(number)
        return ActResult()

    def _stop(self, number: int) -> None:
        self._left[number] -= 1
        if self._left[number] >= 0:
            raise stopped()


@asynccontextmanager
async def scripted_worker(client: Client, *activities: Callable[..., Any]) -> AsyncIterator[str]:
    """A worker with every workflow of the product and these activities; returns its task queue."""
    queue = new_id("queue")
    worker = Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=SANDBOX,
        # A cancellation is heard with the next heartbeat that is sent.
        max_heartbeat_throttle_interval=timedelta(seconds=0.1),
        default_heartbeat_throttle_interval=timedelta(seconds=0.1),
    )
    async with worker:
        yield queue
