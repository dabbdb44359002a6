"""What heartbeats cost that are not due: 5,000 of them beside 100, in two installations side by side.

Milliseconds of a core for each minute, in which Upkeep comes once and the metrics are read four times.
"""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx

from bench.goals import Result, rounded
from bench.processes import Process, cpu_ms
from bench.running_stack import RunningStack, running_stack

SIZES = (100, 5_000)
MINUTES, SCRAPES = 2, 4
NOT_DUE = timedelta(minutes=30)


async def measure() -> Result:
    """Measure API and worker, and Temporal apart from them."""
    hourly = f"{(datetime.now(UTC) + NOT_DUE).minute} * * * *"
    with ExitStack() as exits:
        stacks = [exits.enter_context(running_stack(size, hourly)) for size in SIZES]
        for stack in stacks:
            await stack.create_schedules()
        await asyncio.sleep(_until_next_minute())
        few, many = await asyncio.gather(*map(_a_minute, stacks))
    result = Result(
        raw={f"ms of CPU a minute with {size:,}": row for size, row in zip(SIZES, (few, many), strict=True)}
    )
    ours = [row["api"] + row["worker"] for row in (few, many)]
    result.at_most(
        "standing still: CPU of API and worker with 5,000 hourly heartbeats / with 100", ours[1] / ours[0], 1.2
    )
    return result


def _until_next_minute() -> float:
    # Upkeep is due at the full minute, and is over half a minute later. The first one, which finds everything as it
    # was made, is not measured.
    return 90 - datetime.now(UTC).second % 60


async def _a_minute(stack: RunningStack) -> dict[str, float]:
    processes: dict[str, Process] = {"api": stack.api, "worker": stack.worker, "temporal": stack.temporal}
    before = {name: cpu_ms(process) for name, process in processes.items()}
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        for _ in range(MINUTES * SCRAPES):
            (await client.get("/metrics")).raise_for_status()
            await asyncio.sleep(60 / SCRAPES)
    return {name: rounded((cpu_ms(process) - before[name]) / MINUTES) for name, process in processes.items()}
