"""Runs made activity by activity, in the order of the workflow `AgentRun`: the real store, no Temporal server."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.testing import ActivityEnvironment

from activities.act import ToolActivities
from activities.runs import RunActivities
from activities.think import ModelActivities
from activities.toolbox import Toolbox
from heartbeat.domain.clock import Clock
from heartbeat.domain.contracts import (
    ActInput,
    CloseRunInput,
    OpenRunInput,
    OpenRunResult,
    RunRequest,
    ThinkInput,
    ThinkResult,
)
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.tool_servers.refreshing import Refresher
from tests.support.seeds import NOW
from workflows.endings import at_limit, ending


class ActivityRuns:
    """Makes runs of heartbeats. An attempt that fails is repeated at once, however long it should wait."""

    def __init__(self, database: Database, settings: Settings, now: Clock = lambda: NOW) -> None:
        self.settings = settings
        self._toolbox = Toolbox(settings, Refresher(database, settings, now))
        self._runs = RunActivities(database, settings, now)
        self._models = ModelActivities(database, settings, self._toolbox, now)
        self._tools = ToolActivities(database, self._toolbox, _later, settings.plans, now)

    async def make(self, heartbeat: Heartbeat) -> str:
        """Run once, triggered by hand; returns the run's uuid."""
        opened = await self._open(heartbeat)
        await self._go_on(opened)
        return opened.run_uuid or ""

    async def open(self, heartbeat: Heartbeat) -> str:
        """Open a run that is triggered by hand; returns its uuid."""
        return (await self._open(heartbeat)).run_uuid or ""

    async def think(self, step: ThinkInput, attempt: int, **info: Any) -> ThinkResult:
        """Take a step by this attempt, of which Temporal says what is in `info`."""
        result: ThinkResult = await _attempt(self._models.think, step, attempt, **info)
        return result

    async def _open(self, heartbeat: Heartbeat) -> OpenRunResult:
        uuid = new_id("log")
        request = RunRequest(heartbeat.uuid, heartbeat.version, "manual", uuid)
        opened: OpenRunResult = await _attempt(self._runs.open_run, OpenRunInput(request, uuid, "run-1", None))
        assert opened.should_run, opened
        return opened

    async def tick(self, heartbeat: Heartbeat, tick: datetime) -> OpenRunResult:
        """Run for one tick, if it becomes a run."""
        request, name = RunRequest(heartbeat.uuid, heartbeat.version), f"{heartbeat.uuid}-{tick:%Y-%m-%dT%H:%M:%SZ}"
        opened = await _attempt(self._runs.open_run, OpenRunInput(request, name, "run-1", tick.isoformat()))
        if opened.should_run:
            await self._go_on(opened)
        return opened

    async def _go_on(self, opened: OpenRunResult) -> None:
        try:
            closing = await self._take_steps(opened)
        except ActivityError as problem:
            closing = ending(opened, problem)
        if closing is not None:
            await _attempt(self._runs.close_run, closing)

    async def close(self) -> None:
        await self._models.close()
        await self._toolbox.close()

    async def _take_steps(self, opened: OpenRunResult) -> CloseRunInput | None:
        assert opened.run_uuid is not None
        uuid, number, self._model = opened.run_uuid, 1, 0
        while (thought := await self._think(opened, uuid, number)).calls:
            number = thought.calls[-1].number + 1
            if number > opened.max_steps:
                return at_limit(opened)
            await asyncio.gather(
                *(_attempts(opened, self._tools.act, ActInput(uuid, call.number)) for call in thought.calls)
            )
        if thought.close_result is not None:
            return None
        return CloseRunInput(uuid, thought.status, thought.error_code, thought.message)

    async def _think(self, opened: OpenRunResult, uuid: str, number: int) -> ThinkResult:
        attempts = 0
        while True:
            asked = ThinkInput(uuid, number, self._model, attempts)
            thought: ThinkResult = await _attempts(opened, self._models.think, asked)
            if thought.next_model is None:
                return thought
            self._model, attempts = thought.next_model, thought.attempts


async def _later(heartbeat_uuid: str) -> bool:
    """Leave a task's schedule to Upkeep."""
    return False


async def _attempts(opened: OpenRunResult, activity: Callable[[Any], Awaitable[Any]], step: Any) -> Any:
    """Try as Temporal does; only what an activity raises for Temporal to read is caught."""
    attempt, state = 1, RetryState.IN_PROGRESS
    while True:
        try:
            return await _attempt(activity, step, attempt)
        except ApplicationError as failure:
            if failure.non_retryable:
                state = RetryState.NON_RETRYABLE_FAILURE
            elif attempt == opened.step_attempts:
                state = RetryState.MAXIMUM_ATTEMPTS_REACHED
            if state != RetryState.IN_PROGRESS:
                raise _given_up(state) from failure
        attempt += 1


async def _attempt(activity: Callable[[Any], Awaitable[Any]], step: Any, attempt: int = 1, **info: Any) -> Any:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=attempt, **info)
    return await environment.run(activity, step)


def _given_up(state: RetryState) -> ActivityError:
    return ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="",
        activity_id="",
        retry_state=state,
    )
