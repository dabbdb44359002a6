"""Full runs a second against bare one-activity workflows a second, and what a run leaves in Temporal."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from time import perf_counter

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from bench.bare import QUEUE, Bare
from bench.goals import Result, ratios, rounded
from bench.running_stack import RunningStack
from heartbeat.domain.ids import new_id
from heartbeat.temporal.runs import start_manual_run

ROUNDS, RUNS, AT_ONCE = 5, 100, 20
LIMIT = timedelta(seconds=60)

Work = Callable[[int], Awaitable[object]]


async def measure(house: RunningStack) -> Result:
    """Rounds of both in turn, the same number at once."""
    client = await house.client()
    bare, full = bare_work(client), full_work(house, client)
    for warm_up in (bare, full):
        await _a_second(warm_up)
    rounds = [(await _a_second(full), await _a_second(bare)) for _ in range(ROUNDS)]
    ours, theirs = [one[0] for one in rounds], [one[1] for one in rounds]
    events, tasks = await history(house, client)
    result = Result(raw={"runs_per_second": [*map(rounded, ours)], "bare_per_second": [*map(rounded, theirs)]})
    result.at_most("events in the history of a run without tools", events, 13)
    result.at_most("workflow tasks of a run without tools", tasks, 2)
    result.at_least("full runs a second / bare one-activity workflows a second", ratios(ours, theirs), 0.75)
    return result


def bare_work(client: Client) -> Work:
    """Start one bare workflow and wait for its end."""

    async def work(number: int) -> object:
        return await client.execute_workflow(
            Bare.run, number, id=new_id("bare"), task_queue=QUEUE, execution_timeout=LIMIT
        )

    return work


def full_work(house: RunningStack, client: Client) -> Work:
    """Start one run of one of the heartbeats and wait for its end."""

    async def work(number: int) -> object:
        row = house.tenant.heartbeats[number % len(house.tenant.heartbeats)]
        handle = await start_manual_run(client, house.settings, row, house.tenant.bot.name, new_id("log"))
        async with asyncio.timeout(LIMIT.total_seconds()):
            result = await handle.result()
        assert result.status == "success", result
        return result

    return work


async def _a_second(work: Work) -> float:
    """How many times a second `work` gets done when `AT_ONCE` callers ask for it."""
    numbers = count()

    async def caller() -> None:
        while (number := next(numbers)) < RUNS:
            await work(number)

    began = perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return RUNS / (perf_counter() - began)


async def history(house: RunningStack, client: Client) -> tuple[int, int]:
    """Events and workflow tasks of one run."""
    row = house.tenant.heartbeats[0]
    handle = await start_manual_run(client, house.settings, row, house.tenant.bot.name, new_id("log"))
    await handle.result()
    events = (await handle.fetch_history()).events
    done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    return len(events), sum(event.event_type == done for event in events)
