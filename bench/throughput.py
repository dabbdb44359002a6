"""Runs and bare workflows, one after the other or so many a second, and what a run leaves in Temporal."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from itertools import count
from time import perf_counter
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from bench.bare import QUEUE, Bare
from bench.goals import Result
from bench.running_stack import RunningStack
from heartbeat.domain.ids import new_id
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import start_manual_run

ROUNDS, RUNS, CONCURRENCY = 5, 100, 20
TIMEOUT = timedelta(seconds=60)

Work = Callable[[int], Awaitable[object]]


async def measure(stack: RunningStack) -> Result:
    """Count what one run leaves in Temporal."""
    client = await stack.client()
    events, tasks = await history(stack, client)
    result = Result()
    result.at_most("events in the history of a run without tools", events, 13)
    result.at_most("workflow tasks of a run without tools", tasks, 2)
    return result


async def run_bare_workflow(client: Client, number: int) -> object:
    """Start one bare workflow and wait for its end."""
    return await client.execute_workflow(
        Bare.run, number, id=new_id("bare"), task_queue=QUEUE, execution_timeout=TIMEOUT
    )


async def complete_run(stack: RunningStack, client: Client, number: int) -> object:
    """Start one run of one of the heartbeats and wait for its end."""
    heartbeats = stack.tenant.heartbeats
    handle = await _start_run(stack, client, heartbeats[number % len(heartbeats)])
    async with asyncio.timeout(TIMEOUT.total_seconds()):
        result = await handle.result()
    assert result.status == "success", result
    return result


async def per_second(work: Work) -> float:
    """Measure how many times a second `work` gets done when `CONCURRENCY` callers ask for it."""
    numbers = count()
    began = perf_counter()
    await asyncio.gather(*(_call(work, numbers) for _ in range(CONCURRENCY)))
    return RUNS / (perf_counter() - began)


async def _call(work: Work, numbers: Iterator[int]) -> None:
    while (number := next(numbers)) < RUNS:
        await work(number)


async def history(stack: RunningStack, client: Client) -> tuple[int, int]:
    """Count the events and the workflow tasks in the history of one run."""
    handle = await _start_run(stack, client, stack.tenant.heartbeats[0])
    await handle.result()
    events = (await handle.fetch_history()).events
    done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    return len(events), sum(event.event_type == done for event in events)


async def _start_run(stack: RunningStack, client: Client, heartbeat: Heartbeat) -> WorkflowHandle[Any, Any]:
    return await start_manual_run(
        client, stack.settings, ScheduledRow(heartbeat, stack.tenant.bot.name, "self_hosted"), new_id("log")
    )
