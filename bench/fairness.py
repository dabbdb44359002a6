"""Runs of one project while many of another are queued, with two workers: how long theirs take to begin.

One at a time, beside a bare workflow that has a queue and a worker to itself: what that takes longer is the machine's
doing, and no queue's. And ten at once. `FAIRNESS_RUNS=5000 python -m bench fairness` queues five thousand.
"""

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import time

from sqlalchemy import Connection, func, select
from temporalio.client import Client

from bench.bare import QUEUE, Beginning
from bench.goals import Result, rounded
from bench.processes import PYTHON, running
from bench.quantiles import quantile
from bench.running_stack import RunningStack, running_stack, variables
from bench.scale import empty_postgres
from bench.tenant import Tenant, seed
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_manual_run

RUN = columns(Run)
QUEUED = int(os.environ.get("FAIRNESS_RUNS", "2000"))
# Runs that come one at a time, and so many times ten at once.
FEW, TEN, TIMES = 40, 10, 4
AT_ONCE = 50
PAUSE_SECONDS = 0.1


@dataclass
class Waited:
    """The seconds until each began, and of how many of the others the run of one began first."""

    bare: list[float] = field(default_factory=list)
    one: list[float] = field(default_factory=list)
    ten: list[float] = field(default_factory=list)
    overtaken: list[float] = field(default_factory=list)

    @property
    def raw(self) -> dict[str, list[float]]:
        return {name: [*map(rounded, taken)] for name, taken in vars(self).items()}


async def measure(stack: RunningStack, store: str = "SQLite") -> Result:
    """Measure the few alone, and then again in front of the many. What is queued then is left there."""
    client, small = await stack.client(), await stack.database.write(seed, TEN, "Small {}.")
    with running([*PYTHON, "worker"], stack.home / "worker2.log", variables(stack.settings)):
        await _at_once(stack, client, small)
        idle = await _few(stack, client, small)
        await queue_many(stack, client)
        first, began = await begun(stack), time()
        loaded = await _few(stack, client, small)
        then = await begun(stack)
        assert then < QUEUED, "the queue was empty before the few had begun: queue more (FAIRNESS_RUNS)"
        rate = (then - first) / (time() - began)
    result = Result(raw={"queued": QUEUED, "left": QUEUED - then, "of_the_many_a_second": rounded(rate)})
    result.raw |= {"idle_seconds": idle.raw, "loaded_seconds": loaded.raw, "load": os.getloadavg()}
    _tell(result, store, idle, loaded)
    return result


async def measure_postgres() -> Result:
    """Measure it where the store is PostgreSQL."""
    with (
        tempfile.TemporaryDirectory(prefix="heartbeat-bench-") as home,
        empty_postgres(Path(home)) as [url, _],
        running_stack(database_url=url) as stack,
    ):
        await stack.create_schedules()
        return await measure(stack, "PostgreSQL")


def _tell(result: Result, store: str, idle: Waited, loaded: Waited) -> None:
    ratios = {
        f"{name}, {share} / idle": quantile(getattr(loaded, name), at) / quantile(getattr(idle, name), at)
        for name in ("bare", "one", "ten")
        for share, at in (("p50", 0.5), ("p95", 0.95))
    }
    result.raw["ratios"] = {name: rounded(ratio) for name, ratio in ratios.items()}
    many = f"{QUEUED} queued ones"
    one, ten = f"{store}: a run beside {many}", f"{store}: ten runs at once beside {many}"
    result.at_most(f"{ten}: p95 until they begin / idle", ratios["ten, p95 / idle"], 2)
    result.at_most(f"{one}: p95 until it begins / idle", ratios["one, p95 / idle"], 2)
    for share, at in (("p50", 0.5), ("p95", 0.95)):
        of_bare = quantile(loaded.one, at) / quantile(loaded.bare, at)
        name = f"{one}: {share} until it begins / of a bare workflow with a queue and a worker to itself"
        result.at_most(name, of_bare, 2)
    overtaken = quantile(loaded.overtaken, 0.95)
    result.at_most(f"{one}: runs of the other project that began while it waited, p95", overtaken, 12)


async def _few(stack: RunningStack, client: Client, small: Tenant) -> Waited:
    waited = Waited()
    for number in range(FEW):
        waited.bare.append(await _bare(client))
        taken, others = await _one(stack, client, row_of(small, number))
        waited.one.append(taken)
        waited.overtaken.append(others)
        await asyncio.sleep(PAUSE_SECONDS)
    for _ in range(TIMES):
        waited.ten += await _at_once(stack, client, small)
        await asyncio.sleep(PAUSE_SECONDS)
    return waited


async def _bare(client: Client) -> float:
    asked = time()
    return await client.execute_workflow(Beginning.run, id=new_id("bare"), task_queue=QUEUE) - asked


async def _at_once(stack: RunningStack, client: Client, small: Tenant) -> list[float]:
    runs = (_one(stack, client, row_of(small, number)) for number in range(TEN))
    return [taken for taken, _ in await asyncio.gather(*runs)]


async def _one(stack: RunningStack, client: Client, row: ScheduledRow) -> tuple[float, float]:
    """How long a run took to begin, and how many of the others began meanwhile. It has ended then."""
    asked, log = datetime.now(UTC), new_id("log")
    handle = await start_manual_run(client, stack.settings, row, log)
    assert (await handle.result()).status == "success"
    return await stack.database.read(_waited, log, asked)


def _waited(connection: Connection, log: str, asked: datetime) -> tuple[float, float]:
    began = connection.execute(select(RUN.c.started_at, RUN.c.id).where(RUN.c.uuid == log)).one()
    others = select(func.count()).where(RUN.c.uuid.startswith("flood"), RUN.c.started_at >= asked, RUN.c.id < began.id)
    return (began.started_at - asked).total_seconds(), float(connection.execute(others).scalar_one())


async def queue_many(stack: RunningStack, client: Client) -> None:
    """Start the many."""
    for start in range(0, QUEUED, AT_ONCE):
        rows = [row_of(stack.tenant, number) for number in range(start, min(start + AT_ONCE, QUEUED))]
        await asyncio.gather(*(start_manual_run(client, stack.settings, row, new_id("flood")) for row in rows))


def row_of(tenant: Tenant, number: int) -> ScheduledRow:
    """One of its heartbeats, in turn, as whoever starts a run by hand has it."""
    heartbeat = tenant.heartbeats[number % len(tenant.heartbeats)]
    return ScheduledRow(heartbeat, tenant.bot.name, tenant.project.plan)


async def begun(stack: RunningStack) -> int:
    """How many of the many have begun."""
    return await stack.database.read(_count)


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).where(RUN.c.uuid.startswith("flood"))).scalar_one()
