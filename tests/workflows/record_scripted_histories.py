"""Records `histories/` from scripted activities, as `record_histories.py` does from the product's own.

They do what those cannot be brought to do at will: `pytest tests/workflows/record_scripted_histories.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, TerminatedError

from heartbeat.domain.contracts import NOTIFY, UPKEEP, ActResult, CloseRunResult, DeliveryResult
from heartbeat.domain.ids import new_id
from tests.support.histories import record
from tests.support.scripted_run import (
    FAILS,
    OPENED,
    TAKES_LONG,
    WAITS_FOR_A_PERSON,
    Calls,
    HandedOver,
    ScriptedRun,
    Unheard,
    for_ever,
    scripted_worker,
    stopped,
)
from workflows.upkeep import MAINTENANCE


async def record_scripted(client: Client, name: str, run: ScriptedRun) -> None:
    async with run.started(client) as handle:
        await record(client, name, handle.id)


async def test_a_model_that_says_nothing(temporal: Client) -> None:
    run = ScriptedRun(no_call, opened=replace(OPENED, step_seconds=1, fallback_models=("other",)), silent_models=1)
    await record_scripted(temporal, "fell_back_from_silence", run)


async def no_call(number: int) -> ActResult:
    return ActResult()


async def test_calls_together(temporal: Client) -> None:
    calls = Calls(FAILS, WAITS_FOR_A_PERSON, *TAKES_LONG)
    await record_scripted(temporal, "failed_beside_other_calls", ScriptedRun(calls.act, *calls.numbers))
    calls = Calls(WAITS_FOR_A_PERSON, *TAKES_LONG)
    async with ScriptedRun(calls.act, *calls.numbers).started(temporal) as handle:
        await calls.under_way()
        await handle.cancel()
        await record(temporal, "cancelled_with_several_calls", handle.id)
    call = Unheard(ActResult(approval_seconds=0.5))
    async with ScriptedRun(call.act, FAILS).started(temporal) as handle:
        await call.cancel(handle)
        await record(temporal, "cancelled_unheard", handle.id)


async def test_a_call_that_is_not_made(temporal: Client) -> None:
    results = iter([ActResult(approval_seconds=0.5), ActResult()])

    async def unheard(number: int) -> ActResult:
        return next(results)

    async def silent(number: int) -> ActResult:
        await asyncio.Event().wait()
        return ActResult()

    async def terminated(number: int) -> ActResult:
        raise TerminatedError("The activity was terminated.")

    await record_scripted(temporal, "approval_expired", ScriptedRun(unheard, 2))
    await record_scripted(temporal, "worker_lost", ScriptedRun(silent, 2))
    await record_scripted(temporal, "failed_otherwise", ScriptedRun(terminated, 2))


async def test_workers_that_stop(temporal: Client) -> None:
    await record_scripted(temporal, "handed_over", HandedOver(stops=1, run_seconds=900))
    await record_scripted(temporal, "handed_over_too_late", HandedOver(stops=1, run_seconds=0))
    call = Unheard(stopped())
    async with ScriptedRun(call.act, FAILS).started(temporal) as handle:
        await call.cancel(handle)
        await record(temporal, "handed_over_and_cancelled", handle.id)


async def test_a_delivery_that_is_under_way_already(temporal: Client) -> None:
    uuid = new_id("ntf")

    @activity.defn
    async def deliver(notification_uuid: str) -> DeliveryResult:
        return await for_ever()

    async def act(number: int) -> ActResult:
        return ActResult()

    run = ScriptedRun(act, 2, closed=CloseRunResult("success", notification_uuids=(uuid,)))
    async with scripted_worker(temporal, deliver) as queue:
        delivery = await temporal.start_workflow(NOTIFY, uuid, id=uuid, task_queue=queue)
        await record_scripted(temporal, "child_started_before", run)
        await delivery.terminate()


def maintenance(outcome: Callable[[str], Awaitable[int]]) -> list[Callable[..., Awaitable[int]]]:
    """The activities of Upkeep, each of which does what `outcome` does with its name."""

    def named(name: str) -> Callable[..., Awaitable[int]]:
        @activity.defn(name=name)
        async def task() -> int:
            return await outcome(name)

        return task

    return [named(task.__name__) for task in MAINTENANCE]


async def test_upkeep_that_fails(temporal: Client) -> None:
    first, second, *_ = [task.__name__ for task in MAINTENANCE]

    async def two_fail(name: str) -> int:
        if name in (first, second):
            raise ApplicationError(f"{name} is broken.")
        return 0

    async with scripted_worker(temporal, *maintenance(two_fail)) as queue:
        handle = await temporal.start_workflow(UPKEEP, id=new_id("upkeep"), task_queue=queue)
        await record(temporal, "upkeep_failed", handle.id)


async def test_upkeep_that_is_cancelled(temporal: Client) -> None:
    begun = asyncio.Event()

    async def never(name: str) -> int:
        begun.set()
        await for_ever()

    async with scripted_worker(temporal, *maintenance(never)) as queue:
        handle = await temporal.start_workflow(UPKEEP, id=new_id("upkeep"), task_queue=queue)
        await begun.wait()
        await handle.cancel()
        await record(temporal, "upkeep_cancelled", handle.id)
