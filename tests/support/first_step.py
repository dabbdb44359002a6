"""The activity that opens a run and takes its first step, called as by Temporal."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.first_step import FirstStepActivities
from activities.gates import GateActivities
from activities.runs import RunActivities
from activities.think import ModelActivities
from activities.toolbox import Toolbox
from heartbeat.domain.clock import utc_now
from heartbeat.domain.contracts import OpenAndThinkResult, OpenRunInput, RunRequest, ThinkInput, ThinkResult
from heartbeat.gates.looking import GateReader
from heartbeat.tool_servers.refreshing import Refresher
from tests.support.model_server import ModelServer, Reply
from tests.support.patience import until
from tests.support.runs import by_hand
from tests.support.world import World


@dataclass
class FirstStep:
    """The activity, as Temporal would have it begun with these `limits` in the settings."""

    world: World
    limits: dict[str, Any]
    # So long ago the run was opened.
    later: timedelta = timedelta()

    # Set once its step waits, as for its transcript, where it is never to ask the model.
    waits: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self.environment = ActivityEnvironment()

    @asynccontextmanager
    async def begun(self, attempt: int = 1) -> AsyncIterator["asyncio.Future[OpenAndThinkResult]"]:
        """This attempt under way."""
        database, settings = self.world.database, self.world.settings.model_copy(update=self.limits)
        refresher = Refresher(database, settings)
        toolbox = Toolbox(settings, refresher)
        runs, models = RunActivities(database, settings), ModelActivities(database, settings, toolbox)
        gates = GateActivities(runs, GateReader(database, settings, refresher))

        async def take(step: ThinkInput) -> ThinkResult:
            if self.waits:
                self.waits.set()
                await asyncio.Event().wait()
            return await models.take(step)

        activity = FirstStepActivities(runs, gates, take, lambda: utc_now() + self.later)
        self.environment.info = replace(self.environment.info, attempt=attempt)
        request = RunRequest(self.world.heartbeat.uuid, 0, "manual", "log_1")
        opening = OpenRunInput(request, by_hand(self.world.heartbeat).workflow_id, "run-1", None)
        try:
            yield asyncio.ensure_future(self.environment.run(activity.open_and_think, opening))
        finally:
            await models.close()
            await toolbox.close()

    async def result(self, attempt: int = 1) -> OpenAndThinkResult:
        async with self.begun(attempt) as result:
            return await result

    async def cancelled(
        self, model: ModelServer, why: ActivityCancellationDetails, is_asked: bool = True
    ) -> OpenAndThinkResult:
        """What it comes to if it is cancelled while the model is thinking, or before it is asked."""
        thinking = threading.Event()
        model.reply = lambda _: Reply(wait_for=thinking)
        self.waits = None if is_asked else asyncio.Event()
        async with self.begun() as result:
            await (self.waits.wait() if self.waits else until(lambda: model.requests))
            self.environment.cancel(why)
            try:
                return await result
            finally:
                thinking.set()
