"""A thousand heartbeats due in the same instant against as many bare schedules, with a reader of the API meanwhile.

`BENCH_HERD` says how many others. Both herds are backfills of one tick, which the server treats as a due one, with the
same reader beside them. One of ours has started when a worker has opened its run. A bare one is over as soon as a
worker has had it, so its end stands for its start.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection, func, select
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleOverlapPolicy,
    ScheduleSpec,
)

from bench.bare import QUEUE, Bare
from bench.goals import Result, rounded
from bench.plain_http import connection, get
from bench.quantiles import quantile
from bench.running_stack import RunningStack, running_stack
from heartbeat.domain.contracts import AGENT_RUN
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run

RUN = columns(Run)
HEARTBEATS = int(os.environ.get("BENCH_HERD", "1000"))
TIMEOUT_SECONDS = 900.0
# Schedules that are made or told to start side by side.
CONCURRENCY = 20
READ_EVERY_SECONDS = 0.02
MIDNIGHT = "0 0 * * *"


async def measure() -> Result:
    """Measure the bare herd, then ours."""
    with running_stack(heartbeats=HEARTBEATS) as stack:
        client = await stack.client()
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        tick = today - timedelta(days=1)
        bare_ids = [f"bare_{number}" for number in range(HEARTBEATS)]
        await _side_by_side([_create(client, schedule_id) for schedule_id in bare_ids])
        async with reading(stack):
            bare_of_server, bare_seconds = await _herd(client, bare_ids, tick, "Bare")
        await stack.create_schedules()
        async with reading(stack) as reads:
            began, due = perf_counter(), datetime.now(UTC)
            ids = [heartbeat.uuid for heartbeat in stack.tenant.heartbeats]
            of_server, _ = await _herd(client, ids, tick, AGENT_RUN)
            lost = HEARTBEATS - await _closed(stack, tick)
            closed_seconds = perf_counter() - began
            our_seconds = (await stack.database.read(_last_start, tick) - due).total_seconds()
    raw = {
        "last_start_s": our_seconds,
        "last_start_by_the_server_s": of_server,
        "bare_last_start_s": bare_seconds,
        "bare_last_start_by_the_server_s": bare_of_server,
        "last_closed_s": closed_seconds,
    }
    result = Result(raw={name: rounded(seconds) for name, seconds in raw.items()} | {"heartbeats": HEARTBEATS})
    herd = f"herd of {HEARTBEATS}"
    result.at_most(f"{herd}: last start / last start of as many bare schedules", our_seconds / bare_seconds, 1.15)
    result.at_most(f"{herd}: ticks without a run that succeeded", lost, 0)
    result.at_most(f"{herd}: a read's p99 meanwhile in ms", quantile(reads, 0.99), 100)
    return result


async def _create(client: Client, schedule_id: str) -> None:
    action = ScheduleActionStartWorkflow(Bare.run, 0, id=schedule_id, task_queue=QUEUE)
    await client.create_schedule(schedule_id, Schedule(action, ScheduleSpec(cron_expressions=[MIDNIGHT])))


async def _herd(client: Client, schedule_ids: Sequence[str], tick: datetime, workflow: str) -> tuple[float, float]:
    """Have all of them start their workflow for `tick`; returns the seconds until the last one began, and was over."""
    began = datetime.now(UTC)
    backfill = ScheduleBackfill(start_at=tick, end_at=tick, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    await _side_by_side([client.get_schedule_handle(one).backfill(backfill) for one in schedule_ids])
    query = f"WorkflowType = '{workflow}' AND CloseTime >= '{began.isoformat()}'"
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if (await client.count_workflows(query)).count >= len(schedule_ids):
                break
            await asyncio.sleep(0.5)
    over = [workflow async for workflow in client.list_workflows(query)]
    last_start, last_end = max(one.start_time for one in over), max(one.close_time or began for one in over)
    return (last_start - began).total_seconds(), (last_end - began).total_seconds()


async def _side_by_side(requests: Iterable[Coroutine[Any, Any, Any]]) -> None:
    waiting = iter(requests)

    async def work() -> None:
        for request in waiting:
            await request

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def _closed(stack: RunningStack, tick: datetime) -> int:
    """Wait until no run of `tick` is in progress any more, or long enough; returns how many succeeded."""
    until = perf_counter() + TIMEOUT_SECONDS
    while True:
        succeeded, running, others = await stack.database.read(_counts, tick)
        if perf_counter() > until or (succeeded + others >= HEARTBEATS and not running):
            return succeeded
        await asyncio.sleep(0.5)


def _counts(connection: Connection, tick: datetime) -> tuple[int, int, int]:
    """How many runs of `tick` succeeded, are in progress, and came to something else."""
    by_status = select(RUN.c.status, func.count()).where(RUN.c.scheduled_for == tick).group_by(RUN.c.status)
    counts: dict[str, int] = dict(connection.execute(by_status).tuples().all())
    succeeded, running = counts.pop("success", 0), counts.pop("running", 0)
    return succeeded, running, sum(counts.values())


def _last_start(connection: Connection, tick: datetime) -> datetime:
    last: datetime = connection.execute(
        select(func.max(RUN.c.started_at)).where(RUN.c.scheduled_for == tick)
    ).scalar_one()
    return last


@asynccontextmanager
async def reading(stack: RunningStack) -> AsyncIterator[list[float]]:
    """Read a heartbeat again and again while the body runs; yields the milliseconds. A read that fails is raised."""
    took_ms: list[float] = []
    task = asyncio.create_task(_read_again(stack, took_ms))
    try:
        yield took_ms
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _read_again(stack: RunningStack, took_ms: list[float]) -> None:
    ids = urlencode(stack.tenant.ids(stack.tenant.heartbeats[0]))
    request = get(f"/v1/bot/heartbeat/read?{ids}", stack.tenant.headers)
    async with connection(stack.settings.port) as api:
        while True:
            began = perf_counter()
            await api.send(request)
            took_ms.append((perf_counter() - began) * 1000)
            await asyncio.sleep(READ_EVERY_SECONDS)
