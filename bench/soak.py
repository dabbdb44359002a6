"""Runs at seventy per cent of what the stack can do, and reads, for half an hour: what grows, and what is left.

`SOAK_MINUTES` says how long; `make soak`.
"""

import asyncio
import os
from functools import partial
from itertools import count
from time import perf_counter

import psutil
from sqlalchemy import Connection, func, select

from bench.goals import Result, rounded
from bench.large_herd import reading
from bench.processes import Process, resident_mb
from bench.quantiles import quantile
from bench.running_stack import running_stack
from bench.throughput import Work, complete_run, per_second
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run

RUN = columns(Run)
MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
SHARE = 0.7
SAMPLES = 30
# What was opened for the load may be kept open for so long.
SETTLE_SECONDS = 60.0


async def measure() -> Result:
    """Warm the stack up, put it under load, and let it rest."""
    with running_stack() as stack:
        client = await stack.client()
        work = partial(complete_run, stack, client)
        rate = SHARE * max([await per_second(work) for _ in range(3)])
        processes = {"worker": stack.worker, "api": stack.api}
        # What the API opens with its first reads stays open.
        async with reading(stack):
            await asyncio.sleep(2)
        before = await _settled(processes, {})
        async with reading(stack) as reads:
            sampling = asyncio.create_task(_samples(processes))
            runs, failures = await _load(work, rate)
            memory = await sampling
        after = await _settled(processes, before)
        left = await stack.database.read(_left)
    result = Result(
        raw={
            "runs": runs,
            "runs_per_second": rounded(rate),
            "minutes": MINUTES,
            "resident_mb": memory,
            "reads": len(reads),
        }
    )
    for name, megabytes in memory.items():
        # In the first third its caches fill.
        then, last = (quantile(part, 0.5) for part in (megabytes[SAMPLES // 3 : SAMPLES // 2], megabytes[-5:]))
        result.at_most(f"soak: memory of the {name} at the end / after a third", last / then, 1.05)
        more = after[name] - before[name]
        result.at_most(f"soak: descriptors, connections among them, left in the {name}", more, 0)
    result.at_most("soak: runs that were not started or did not succeed", failures, 0)
    result.at_most("soak: runs that hold credits or are in progress afterwards", left, 0)
    return result


async def _load(work: Work, rate: float) -> tuple[int, int]:
    """Begin a run every so often, whether or not those before have ended; returns how many there were, and failed."""
    began, under_way, failures = perf_counter(), set[asyncio.Future[object]](), 0

    def end(run: asyncio.Future[object]) -> None:
        nonlocal failures
        under_way.discard(run)
        failures += run.exception() is not None

    for number in count():
        if (due := number / rate) > MINUTES * 60:
            break
        await asyncio.sleep(max(0.0, began + due - perf_counter()))
        under_way.add(run := asyncio.ensure_future(work(number)))
        run.add_done_callback(end)
    await asyncio.gather(*under_way, return_exceptions=True)
    return number, failures


async def _samples(processes: dict[str, Process]) -> dict[str, list[float]]:
    memory: dict[str, list[float]] = {name: [] for name in processes}
    for _ in range(SAMPLES):
        await asyncio.sleep(MINUTES * 60 / SAMPLES)
        for name, process in processes.items():
            memory[name].append(rounded(resident_mb(process)))
    return memory


async def _settled(processes: dict[str, Process], before: dict[str, int]) -> dict[str, int]:
    """Count each process's descriptors, connections among them, once they are down to those of `before`."""
    end = perf_counter() + SETTLE_SECONDS
    while True:
        counts = {name: psutil.Process(process.pid).num_fds() for name, process in processes.items()}
        if perf_counter() > end or (before and all(counts[name] <= before[name] for name in counts)):
            return counts
        await asyncio.sleep(1)


def _left(connection: Connection) -> int:
    held = select(func.count()).select_from(RUN).where((RUN.c.credits_held != 0) | (RUN.c.status == "running"))
    return connection.execute(held).scalar_one()
