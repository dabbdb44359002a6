"""A run whose activities do what a test says, registered under the names of the real ones: no store and no model."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

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
from heartbeat.domain.ids import new_id
from tests.support.world import SANDBOX
from workflows.agent_run import AgentRun
from workflows.notify import Notify

OPENED = OpenRunResult(True, "log_1", model="scripted", step_attempts=1)


class ScriptedRun:
    """`events` is what happened, in order."""

    def __init__(self, act: Callable[[int], Awaitable[ActResult]], *numbers: int) -> None:
        """The model asks once, for the calls that are steps `numbers`; `act(number)` makes one of them."""
        self._act = act
        self._asked = ThinkResult(tuple(PendingCall(number, f"tool_{number}") for number in numbers))
        self.events: list[str] = []

    @activity.defn
    async def open_run(self, opening: OpenRunInput) -> OpenRunResult:
        return OPENED

    @activity.defn
    async def think(self, step: ThinkInput) -> ThinkResult:
        return self._asked if step.number == 1 else ThinkResult(close_result=CloseRunResult("success"))

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
        self.events.append(f"closed: {closing.error_code}")
        return CloseRunResult(closing.status)

    @asynccontextmanager
    async def started(self, client: Client) -> AsyncIterator[WorkflowHandle[AgentRun, RunResult]]:
        """The run under way, with a worker of its own."""
        queue = new_id("queue")
        activities = [self.open_run, self.think, self.act, self.close_run]
        worker = Worker(
            client,
            task_queue=queue,
            workflows=[AgentRun, Notify],
            activities=activities,
            workflow_runner=SANDBOX,
            # A cancellation is heard with the next heartbeat that is sent.
            max_heartbeat_throttle_interval=timedelta(seconds=0.1),
            default_heartbeat_throttle_interval=timedelta(seconds=0.1),
        )
        async with worker:
            yield await client.start_workflow(
                AGENT_RUN, RunRequest("hb_1", 1), id=new_id("run"), task_queue=queue, result_type=RunResult
            )
