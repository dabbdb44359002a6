"""A few runs of one project while many of another are queued, with two workers: how long theirs take to begin.

`FAIRNESS_RUNS=5000 python -m bench fairness` queues five thousand.
"""

import asyncio
import os
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select
from temporalio.client import Client

from bench.goals import Result, rounded
from bench.processes import PYTHON, running
from bench.quantiles import quantile
from bench.running_stack import RunningStack, variables
from bench.tenant import Tenant, seed
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_manual_run

RUN = columns(Run)
QUEUED = int(os.environ.get("FAIRNESS_RUNS", "1000"))
FEW, AT_ONCE = 20, 50
PAUSE_SECONDS = 0.25


async def measure(stack: RunningStack) -> Result:
    """Measure the few alone, and then again in front of the flood."""
    client, small = await stack.client(), await stack.database.write(seed, 1, "Small {}.")
    with running([*PYTHON, "worker"], stack.home / "worker2.log", variables(stack.settings)):
        idle, _ = await _few(stack, client, small)
        await _flood(stack, client)
        loaded, overtaken = await _few(stack, client, small)
        left = QUEUED - await stack.database.read(_begun, stack.tenant.project.id)
        assert left > 0, "the queue was empty before the few had begun: queue more (FAIRNESS_RUNS)"
        await _until_over(stack)
    result = Result(
        raw={
            "queued": QUEUED,
            "left_when_the_few_had_begun": left,
            "idle_seconds": [rounded(one) for one in idle],
            "loaded_seconds": [rounded(one) for one in loaded],
        }
    )
    ratio = quantile(loaded, 0.95) / quantile(idle, 0.95)
    result.at_most(f"a few runs beside {QUEUED} queued ones: p95 until they begin / idle", ratio, 2)
    result.at_most("the same: runs of the other project that began while one of them waited, p95", overtaken, 50)
    return result


async def _few(stack: RunningStack, client: Client, small: Tenant) -> tuple[list[float], float]:
    """The seconds that each run took to begin, and how many others began meanwhile (p95)."""
    taken, overtaken = [], []
    for _ in range(FEW):
        asked, log = datetime.now(UTC), new_id("log")
        handle = await start_manual_run(client, stack.settings, _row(small, 0), log)
        assert (await handle.result()).status == "success"
        begun, others = await stack.database.read(_waited, log, asked)
        taken.append(begun)
        overtaken.append(float(others))
        await asyncio.sleep(PAUSE_SECONDS)
    return taken, quantile(overtaken, 0.95)


async def _flood(stack: RunningStack, client: Client) -> None:
    """Queue the many."""
    for start in range(0, QUEUED, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, QUEUED))
        await asyncio.gather(*(_start(stack, client, number) for number in numbers))


async def _until_over(stack: RunningStack) -> None:
    while await stack.database.read(_ended, stack.tenant.project.id) < QUEUED:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.2)


async def _start(stack: RunningStack, client: Client, number: int) -> None:
    await start_manual_run(client, stack.settings, _row(stack.tenant, number), new_id("flood"))


def _row(tenant: Tenant, number: int) -> ScheduledRow:
    heartbeat = tenant.heartbeats[number % len(tenant.heartbeats)]
    return ScheduledRow(heartbeat, tenant.bot.name, tenant.project.plan)


def _waited(connection: Connection, log: str, asked: datetime) -> tuple[float, int]:
    began = connection.execute(select(RUN.c.started_at, RUN.c.id).where(RUN.c.uuid == log)).one()
    others = select(func.count()).where(RUN.c.uuid.startswith("flood"), RUN.c.started_at >= asked, RUN.c.id < began.id)
    return (began.started_at - asked).total_seconds(), connection.execute(others).scalar_one()


def _begun(connection: Connection, project_id: int) -> int:
    flood = RUN.c.project_id == project_id, RUN.c.uuid.startswith("flood")
    return connection.execute(select(func.count()).where(*flood)).scalar_one()


def _ended(connection: Connection, project_id: int) -> int:
    flood = RUN.c.project_id == project_id, RUN.c.uuid.startswith("flood")
    return connection.execute(select(func.count()).where(*flood, RUN.c.status != "running")).scalar_one()
