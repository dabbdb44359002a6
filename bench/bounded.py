"""A small project beside a large one whose runs are bounded, where a model takes its time, as models do.

2,000 runs of the large one are queued (`FAIRNESS_RUNS`), of which ten may be under way at once (`concurrent_runs`),
with two workers. Runs of the small one come one at a time, and ten at once. What a run takes is told without the
model's two seconds.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from sqlalchemy import Connection, func, select
from temporalio.client import Client

from bench.fairness import FEW, PAUSE_SECONDS, QUEUED, TEN, TIMES, begun, queue_many, row_of
from bench.goals import Result, rounded
from bench.processes import PYTHON, running
from bench.quantiles import quantile
from bench.running_stack import RunningStack, running_stack, variables
from bench.tenant import Tenant, seed
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_manual_run

RUN = columns(Run)
MODEL_SECONDS = 2.0
PATIENCE_SECONDS = 900.0
PLANS = {"self_hosted": {"concurrent_runs": TEN}}


@dataclass
class Took:
    """The seconds that runs took without their model's."""

    one: list[float] = field(default_factory=list)
    ten: list[float] = field(default_factory=list)


async def measure() -> Result:
    """Measure the few alone, and then beside the many."""
    with running_stack(model_seconds=MODEL_SECONDS, plans=PLANS) as stack:
        await stack.create_schedules()
        client, small = await stack.client(), await stack.database.write(seed, TEN, "Small {}.")
        with running([*PYTHON, "worker"], stack.home / "worker2.log", variables(stack.settings)):
            await _at_once(stack, client, small)
            idle = await _few(stack, client, small)
            await _queue_until_opened(stack, client)
            before, began = await stack.database.read(_ended), monotonic()
            loaded = await _few(stack, client, small)
            ended = await stack.database.read(_ended)
            rate = (ended - before) / (monotonic() - began)
            assert ended < QUEUED, "the many had ended before the few: queue more (FAIRNESS_RUNS)"
    result = Result(raw={"queued": QUEUED, "of_the_many_a_second": rounded(rate)})
    for name in ("one", "ten"):
        alone, beside = getattr(idle, name), getattr(loaded, name)
        result.raw[name] = {"idle": [*map(rounded, alone)], "loaded": [*map(rounded, beside)]}
        ratio = quantile(beside, 0.95) / quantile(alone, 0.95)
        runs = "a run" if name == "one" else "ten runs at once"
        result.at_most(
            f"{runs} beside {QUEUED} queued ones of a bounded project: p95 of what it takes / idle", ratio, 2
        )
    return result


async def _few(stack: RunningStack, client: Client, small: Tenant) -> Took:
    took = Took()
    for number in range(FEW):
        took.one.append(await _one(stack, client, small, number))
        await asyncio.sleep(PAUSE_SECONDS)
    for _ in range(TIMES):
        took.ten += await _at_once(stack, client, small)
        await asyncio.sleep(PAUSE_SECONDS)
    return took


async def _at_once(stack: RunningStack, client: Client, small: Tenant) -> list[float]:
    return await asyncio.gather(*(_one(stack, client, small, number) for number in range(TEN)))


async def _one(stack: RunningStack, client: Client, small: Tenant, number: int) -> float:
    asked, log = datetime.now(UTC), new_id("log")
    handle = await start_manual_run(client, stack.settings, row_of(small, number), log)
    assert (await handle.result()).status == "success"
    finished: datetime = await stack.database.read(_finished, log)
    return (finished - asked).total_seconds() - MODEL_SECONDS


def _finished(connection: Connection, log: str) -> datetime:
    finished: datetime = connection.execute(select(RUN.c.finished_at).where(RUN.c.uuid == log)).scalar_one()
    return finished


async def _queue_until_opened(stack: RunningStack, client: Client) -> None:
    """Until each of them waits for its turn."""
    await queue_many(stack, client)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await begun(stack) >= QUEUED:
                break
            await asyncio.sleep(1)


def _ended(connection: Connection) -> int:
    ended = select(func.count()).where(RUN.c.uuid.startswith("flood"), RUN.c.status != "running")
    return connection.execute(ended).scalar_one()
