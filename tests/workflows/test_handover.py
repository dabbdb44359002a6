"""What a worker that stops has not ended in time goes on in another one at once, and being stopped is no failure."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

import worker
from activities.handover import AT_ONCE, Handover, handed_over
from heartbeat.domain.contracts import ActInput, ThinkInput
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Attempt
from tests.support.acting import connect, transcript
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, asks, says
from tests.support.patience import until
from tests.support.scripted_run import FAILS, HandedOver, ScriptedRun, Unheard, stopped
from tests.support.tool_server import ToolServer
from tests.support.world import SANDBOX, World


@asynccontextmanager
async def short_lived_worker(world: World) -> AsyncIterator[None]:
    """A worker that gives steps no time once it stops."""
    settings = world.settings.model_copy(update={"drain_seconds": 0})
    async with worker.running_worker(world.client, world.database, settings, SANDBOX):
        yield


async def history(world: World, log: str) -> list[HistoryEvent]:
    run = world.client.get_workflow_handle((await world.run(log)).workflow_id or "")
    return [event async for event in run.fetch_history_events()]


def attempts(connection: Connection) -> list[tuple[int, str]]:
    table = columns(Attempt)
    return [(row.attempt, row.outcome) for row in connection.execute(select(table).order_by(table.c.attempt))]


@ON_SQLITE
async def test_a_model_request_is_made_again_in_an_activity_of_its_own(world: World, model: ModelServer) -> None:
    hanging = threading.Event()
    model.reply = lambda _: says("All quiet.") if len(model.requests) > 1 else Reply(wait_for=hanging)
    async with short_lived_worker(world):
        handle = await world.start("log_long")
        await until(lambda: world.asked(model))
    async with short_lived_worker(world):
        assert (await handle.result()).status == "success"
    hanging.set()
    assert await world.database.read(attempts) == [(1, "lost"), (2, "answered")]
    events = await history(world, "log_long")
    started = [one.activity_task_started_event_attributes for one in events]
    # A worker that is lost is noticed by its silence, and counts as one of the five attempts at a step.
    assert [one.attempt for one in started if one.attempt] == [1, 1]
    assert not any(one.HasField("activity_task_timed_out_event_attributes") for one in events)
    run = await world.run("log_long")
    assert (run.credits_held, run.model) == (0, "openai:scripted")


@ON_SQLITE
@pytest.mark.parametrize(("call", "failure"), [(("wait", {}), "unknown"), (("put_note", {"what": "x"}), None)])
async def test_a_tool_call_is_made_again_if_that_does_no_harm(
    world: World, model: ModelServer, desk: ToolServer, call: tuple[str, dict[str, Any]], failure: str | None
) -> None:
    await connect(world, desk)
    stopping = threading.Event()
    desk.before_answering = stopping.wait
    model.script(asks((f"desk__{call[0]}", call[1])), says("I see."))
    async with short_lived_worker(world):
        handle = await world.start("log_calls")
        await until(lambda: desk.made)
    stopping.set()
    async with short_lived_worker(world):
        assert (await handle.result()).status == "success"
    [made] = [step for step in await transcript(world, await world.run("log_calls")) if step.kind == "tool"]
    assert (made.failure_code, len(desk.made)) == (failure, 1 if failure else 2)
    events = await history(world, "log_calls")
    failures = [one.activity_task_started_event_attributes.last_failure for one in events]
    assert [one.application_failure_info.type for one in failures if one.message] == ["worker_stopped"]


class Unbegun(ActivityInboundInterceptor):
    """An activity that must not be begun."""

    def __init__(self) -> None:
        """There is nothing behind it."""


async def begun_when_stopping(message: ThinkInput | ActInput) -> object:
    """What becomes of the second attempt at a step that comes to a worker which is to stop."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=2)
    environment.worker_shutdown()
    step = ExecuteActivityInput(fn=begun_when_stopping, args=[message], executor=None, headers={})
    return await environment.run(Handover().intercept_activity(Unbegun()).execute_activity, step)


async def test_a_worker_that_stops_begins_no_step() -> None:
    with pytest.raises(ApplicationError) as failure:
        await begun_when_stopping(ActInput("log_1", 2))
    assert (failure.value.type, failure.value.next_retry_delay) == ("worker_stopped", AT_ONCE)
    assert not failure.value.non_retryable
    thought = await begun_when_stopping(ThinkInput("log_1", 3, model_index=1, earlier_attempts=2))
    assert thought == handed_over(model_index=1, attempts=3), "two before this activity, and its first"


async def test_being_stopped_is_no_attempt(temporal: Client) -> None:
    run = HandedOver(stops=2, run_seconds=900)
    async with run.started(temporal) as handle:
        assert (await handle.result()).status == "success"
    assert run.events == ["2 failed", "2 failed", "2 done"], "each may be tried once"
    assert [(thought.number, thought.earlier_attempts) for thought in run.thoughts] == [
        (number, attempts) for number in (1, 3) for attempts in (0, 1, 2)
    ]


async def test_a_run_whose_workers_stop_again_and_again_ends_when_its_time_is_over(temporal: Client) -> None:
    run = HandedOver(stops=1000, run_seconds=0)
    async with run.started(temporal) as handle:
        assert (await handle.result()).status == "error"
    assert (run.closing.error_code, run.closing.message) == ("run_timeout", "The run did not end within its 0 s.")


async def test_a_cancelled_run_is_not_gone_on_with(temporal: Client) -> None:
    call = Unheard(stopped())
    run = ScriptedRun(call.act, FAILS)
    async with run.started(temporal) as handle:
        await call.cancel(handle)
        assert (await handle.result()).status == "cancelled"
    assert run.events == ["2 failed", "closed: cancelled"]
    assert run.closing.by_hand
