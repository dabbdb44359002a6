"""One activity opens a run and takes its first step, once: whatever comes of that is left to steps of their own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.first_step import FirstStepActivities
from activities.gates import GateActivities
from activities.runs import RunActivities
from activities.think import ModelActivities
from activities.toolbox import Toolbox
from heartbeat.domain.clock import utc_now
from heartbeat.domain.contracts import (
    WORKER_STOPPED,
    CloseRunResult,
    OpenAndThinkResult,
    OpenRunInput,
    RunRequest,
    ThinkResult,
)
from heartbeat.gates.looking import GateReader
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.tool_servers.refreshing import Refresher
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, fails, says
from tests.support.patience import until
from tests.support.runs import by_hand, opened_run
from tests.support.world import World


@dataclass
class FirstStep:
    """The activity, as Temporal would have it begun with these `limits` in the settings."""

    world: World
    limits: dict[str, Any]
    # So long ago the run was opened.
    later: timedelta = timedelta()

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
        activity = FirstStepActivities(runs, gates, models.take, lambda: utc_now() + self.later)
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

    async def cancelled(self, model: ModelServer, why: ActivityCancellationDetails) -> OpenAndThinkResult:
        """What it comes to if it is cancelled while the model is thinking."""
        thinking = threading.Event()
        model.reply = lambda _: Reply(wait_for=thinking)
        async with self.begun() as result:
            await until(lambda: model.requests)
            self.environment.cancel(why)
            try:
                return await result
            finally:
                thinking.set()


async def test_the_answer_is_written_and_its_run_closed(world: World, model: ModelServer) -> None:
    model.script(says("All quiet."))
    began = await FirstStep(world, {}).result()
    assert began.thought
    assert began.thought.close_result == CloseRunResult("success")
    assert (await world.run("log_1")).response == "All quiet."
    assert 0 <= began.seconds < began.opened.run_seconds


async def test_a_repetition_asks_nobody_and_counts_the_attempt(world: World, model: ModelServer) -> None:
    """Nobody knows what became of the one before it."""
    opened_run(world.database, by_hand(world.heartbeat))
    began = await FirstStep(world, {}).result(attempt=2)
    assert (began.opened.run_uuid, began.thought, began.failed_attempts) == ("log_1", None, 1)
    assert model.requests == []


@ON_SQLITE
async def test_a_repetition_closes_again_what_its_answer_closed(world: World, model: ModelServer) -> None:
    """The worker may have died before the workflow heard of whom to tell."""
    await FirstStep(world, {}).result()
    began = await FirstStep(world, {}).result(attempt=2)
    assert (began.opened.should_run, began.opened.run_uuid, began.thought) == (True, "log_1", ThinkResult())
    assert len(model.requests) == 1


@pytest.mark.parametrize(("minutes", "model_index"), [(5, None), (10, 1), (20, None)])
@ON_SQLITE
async def test_half_of_the_time_is_left_to_another_model(
    world: World, model: ModelServer, minutes: int, model_index: int | None
) -> None:
    table = columns(Heartbeat)
    await world.database.write(lambda c: c.execute(update(table).values(fallback_models=["openai:other"])))
    model.script(fails(503))
    with pytest.raises(ApplicationError):
        await FirstStep(world, {}).result()
    began = await FirstStep(world, {}, later=timedelta(minutes=minutes)).result(attempt=2)
    assert (began.thought and began.thought.next_model) == model_index
    assert began.failed_attempts == 1


@pytest.mark.parametrize(
    ("attempt", "limits"),
    [(2, {}), (1, {"step_attempts": 1})],
    ids=["opened late", "tried once"],
)
@ON_SQLITE
async def test_the_step_is_left_to_an_activity_of_its_own(
    world: World, model: ModelServer, attempt: int, limits: dict[str, Any]
) -> None:
    began = await FirstStep(world, limits).result(attempt)
    assert (began.opened.should_run, began.thought, began.failed_attempts) == (True, None, 0)
    assert model.requests == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (fails(401), "key_rejected"),
        (fails(429, headers={"Retry-After": "60"}), "rate_limited"),
        (fails(429, headers={"Retry-After": "29"}), "rate_limited"),
    ],
    ids=["for good", "for longer than the run may take", "for longer than the run has left"],
)
@ON_SQLITE
async def test_a_failure_that_is_not_tried_again_ends_the_run(
    world: World, model: ModelServer, reply: Reply, code: str
) -> None:
    model.script(reply)
    began = await FirstStep(world, {"run_timeout_seconds": 30}, later=timedelta(seconds=2)).result()
    assert began.thought
    assert began.thought.error_code == code
    assert began.thought.message


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({}, "provider_error"),
        ({"step_timeout_seconds": 1}, "timeout"),
        ({"run_timeout_seconds": 1}, "step_timeout"),
    ],
    ids=["failed", "late", "later than its run"],
)
@ON_SQLITE
async def test_a_failure_that_may_pass_is_tried_again(
    world: World, model: ModelServer, limits: dict[str, Any], code: str
) -> None:
    never = threading.Event()
    model.reply = lambda _: Reply(wait_for=never) if limits else fails(500)
    with pytest.raises(ApplicationError) as raised:
        await FirstStep(world, limits).result()
    never.set()
    assert (raised.value.type, raised.value.non_retryable) == (code, False)
    assert (await FirstStep(world, limits).result(attempt=2)).failed_attempts == 1


@ON_SQLITE
async def test_a_cancelled_one_leaves_its_run_to_be_closed(world: World, model: ModelServer) -> None:
    began = await FirstStep(world, {}).cancelled(model, ActivityCancellationDetails(cancel_requested=True))
    assert (began.opened.run_uuid, began.thought, began.failed_attempts) == ("log_1", None, 0)
    assert (await world.run("log_1")).status == "running"


@ON_SQLITE
async def test_one_whose_worker_stops_goes_on_elsewhere(world: World, model: ModelServer) -> None:
    began = await FirstStep(world, {}).cancelled(model, ActivityCancellationDetails(worker_shutdown=True))
    assert began.thought == ThinkResult(
        error_code=WORKER_STOPPED, message="The worker was stopped; another one goes on.", next_model=0, attempts=1
    )
