"""Calls that a model asks for together: one that fails ends the run, and no other one outlives it."""

import asyncio

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from heartbeat.domain.contracts import ActResult, PendingCall, ThinkInput, ThinkResult
from tests.support.histories import replay
from tests.support.scripted_run import DAY, FAILS, TAKES_LONG, WAITS_FOR_A_PERSON, Calls, ScriptedRun, Unheard


async def test_calls_under_way_are_ended_before_the_run_is_closed(temporal: Client) -> None:
    calls = Calls(FAILS, *TAKES_LONG)
    run = ScriptedRun(calls.act, *calls.numbers)
    async with run.started(temporal) as handle:
        assert (await handle.result()).status == "error"
        history = await handle.fetch_history()
    first, *cancelled, last = run.events
    assert (first, last) == ("2 failed", "closed: broken")
    assert sorted(cancelled) == [f"{number} cancelled" for number in TAKES_LONG]
    # They are cancelled in their order, or one of these would not fit the history.
    for _ in range(5):
        await replay(history)


async def test_nobody_is_waited_for_any_more(temporal: Client) -> None:
    calls = Calls(WAITS_FOR_A_PERSON, FAILS)
    run = ScriptedRun(calls.act, *calls.numbers)
    async with run.started(temporal) as handle:
        assert (await handle.result()).status == "error"
    assert run.events == ["3 done", "2 failed", "closed: broken"]


async def test_what_was_done_before_is_done(temporal: Client) -> None:
    done = asyncio.Event()

    async def act(number: int) -> ActResult:
        if number != FAILS:
            done.set()
            return ActResult()
        await done.wait()
        raise ApplicationError("The store is broken.", type="broken", non_retryable=True)

    run = ScriptedRun(act, FAILS, TAKES_LONG[0])
    async with run.started(temporal) as handle:
        assert (await handle.result()).status == "error"
    assert run.events == ["4 done", "2 failed", "closed: broken"]


async def test_a_cancelled_run_ends_all_its_calls(temporal: Client) -> None:
    calls = Calls(WAITS_FOR_A_PERSON, *TAKES_LONG)
    run = ScriptedRun(calls.act, *calls.numbers)
    async with run.started(temporal) as handle:
        await calls.under_way()
        await handle.cancel()
        assert (await handle.result()).status == "cancelled"
    first, *cancelled, last = run.events
    assert (first, last) == ("3 done", "closed: cancelled")
    assert sorted(cancelled) == [f"{number} cancelled" for number in TAKES_LONG]


@pytest.mark.parametrize("result", [ActResult(approval_seconds=DAY), ActResult()], ids=["waits for a person", "done"])
async def test_a_call_that_ends_all_the_same_does_not_take_the_cancellation_with_it(
    temporal: Client, result: ActResult
) -> None:
    call = Unheard(result)
    run = ScriptedRun(call.act, FAILS)
    async with run.started(temporal) as handle:
        await call.cancel(handle)
        assert (await handle.result()).status == "cancelled"
        history = await handle.fetch_history()
    assert run.events == ["2 done", "closed: cancelled"]
    await replay(history)


class UnheardThought(ScriptedRun):
    """A run whose model asks for calls although the run was cancelled meanwhile."""

    def __init__(self, step: Unheard) -> None:
        super().__init__(step.act)
        self._step = step

    @activity.defn(name="think")
    async def think(self, step: ThinkInput) -> ThinkResult:
        return await self._step.act(step.number)


async def test_what_a_model_asks_for_in_a_cancelled_run_is_not_called(temporal: Client) -> None:
    step = Unheard(ThinkResult((PendingCall(FAILS, "tool_2"),)))
    run = UnheardThought(step)
    async with run.started(temporal) as handle:
        await step.cancel(handle)
        assert (await handle.result()).status == "cancelled"
    assert run.events == ["closed: cancelled"]
