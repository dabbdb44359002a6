"""One activity opens a run and takes its first step, once: whatever comes of that is left to steps of their own."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError

from heartbeat.domain.contracts import WORKER_STOPPED, CloseRunResult, ThinkResult
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.databases import ON_SQLITE
from tests.support.first_step import FirstStep
from tests.support.model_server import ModelServer, Reply, fails, says
from tests.support.runs import by_hand, opened_run
from tests.support.world import World


async def test_the_answer_is_written_and_its_run_closed(world: World, model: ModelServer) -> None:
    model.script(says("All quiet."))
    began = await FirstStep(world, {"step_attempts": 2}).result()
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
    assert began.thought == (model_index and ThinkResult(next_model=model_index, attempts=1))
    assert (began.failed_attempts, began.seconds >= minutes * 60) == (1, True)


@ON_SQLITE
async def test_a_clock_that_was_set_back_gives_a_run_no_more_time(world: World, model: ModelServer) -> None:
    assert (await FirstStep(world, {}, later=-timedelta(hours=1)).result(attempt=2)).seconds == 0


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
    assert "in time" in raised.value.message or not limits
    assert (await FirstStep(world, limits).result(attempt=2)).failed_attempts == 1


@ON_SQLITE
async def test_a_cancelled_one_leaves_its_run_to_be_closed(world: World, model: ModelServer) -> None:
    began = await FirstStep(world, {}).cancelled(model, ActivityCancellationDetails(cancel_requested=True))
    assert (began.opened.run_uuid, began.thought, began.failed_attempts) == ("log_1", None, 0)
    assert (await world.run("log_1")).status == "running"


@pytest.mark.parametrize(("is_asked", "attempts"), [(True, 1), (False, 0)], ids=["model was asked", "nobody was asked"])
@ON_SQLITE
async def test_one_whose_worker_stops_goes_on_elsewhere(
    world: World, model: ModelServer, is_asked: bool, attempts: int
) -> None:
    stops = ActivityCancellationDetails(worker_shutdown=True)
    assert (await FirstStep(world, {}).cancelled(model, stops, is_asked)).thought == ThinkResult(
        error_code=WORKER_STOPPED,
        message="The worker was stopped; another one goes on.",
        next_model=0,
        attempts=attempts,
    )


@ON_SQLITE
async def test_one_that_temporal_has_given_up_says_nothing(world: World, model: ModelServer) -> None:
    """The next attempt is under way by then."""
    late = ActivityCancellationDetails(timed_out=True)
    with pytest.raises(asyncio.CancelledError):
        await FirstStep(world, {}).cancelled(model, late, is_asked=False)
