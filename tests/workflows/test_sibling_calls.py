"""Calls that a model asks for together: one that fails ends the run, and no other one outlives it."""

import asyncio

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from heartbeat.domain.contracts import ActResult
from heartbeat.temporal.converter import DATA_CONVERTER
from tests.support.scripted_run import ScriptedRun
from tests.support.world import SANDBOX
from workflows.agent_run import AgentRun

# The steps of the calls, by what becomes of them.
FAILS, WAITS_FOR_A_PERSON, TAKES_LONG = 2, 3, (4, 5, 6, 7)
DAY = 86_400.0


class Calls:
    """What becomes of each call; the one that fails does so once the others are under way."""

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


async def for_ever() -> ActResult:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)


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
        await Replayer(workflows=[AgentRun], workflow_runner=SANDBOX, data_converter=DATA_CONVERTER).replay_workflow(
            history
        )


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
