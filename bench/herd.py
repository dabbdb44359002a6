"""A hundred heartbeats due in the same instant, until the last log is closed.

A workflow task that its worker does not finish within ten seconds is given up and done again, which is what makes a
herd ten seconds longer: the longest one says how far that is.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter

from sqlalchemy import Connection, func, select
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

from bench.goals import Result, rounded
from bench.quantiles import quantile
from bench.running_stack import RunningStack
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run

RUN = columns(Run)
HERDS = 8
TIMEOUT_SECONDS = 60.0
STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
COMPLETED, TIMED_OUT = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT


async def measure(stack: RunningStack) -> Result:
    """Measure real schedules, each told to backfill the same midnight, which the server treats as a due tick."""
    client = await stack.client()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = [today - timedelta(days=ago) for ago in range(HERDS, 0, -1)]
    took = [await _herd(stack, client, tick) for tick in ticks]
    middle = quantile(took, 0.5)
    longest, timed_out = await _tasks(stack, client, ticks[took.index(max(took))])
    result = Result(raw={"herd_seconds": [rounded(one) for one in took], "heartbeats": len(stack.tenant.heartbeats)})
    result.at_most("herd of 100: the slowest of the herds / the median", max(took) / middle, 2)
    result.at_most("slowest herd: workflow tasks that timed out", timed_out, 0)
    result.at_most("slowest herd: the longest workflow task in s (given up at 10)", longest, 5)
    return result


async def _herd(stack: RunningStack, client: Client, tick: datetime) -> float:
    """Backfill `tick`; returns the seconds until every heartbeat has closed its log."""
    began = perf_counter()
    backfill = ScheduleBackfill(start_at=tick, end_at=tick, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    await asyncio.gather(*(client.get_schedule_handle(row.uuid).backfill(backfill) for row in stack.tenant.heartbeats))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if await stack.database.read(_closed, tick) == len(stack.tenant.heartbeats):
                return perf_counter() - began
            await asyncio.sleep(0.02)


def _closed(connection: Connection, tick: datetime) -> int:
    closed = select(func.count()).where(RUN.c.scheduled_for == tick, RUN.c.status == "success")
    return connection.execute(closed).scalar_one()


def _workflow_ids(connection: Connection, tick: datetime) -> list[str]:
    return list(connection.execute(select(RUN.c.workflow_id).where(RUN.c.scheduled_for == tick)).scalars())


async def _tasks(stack: RunningStack, client: Client, tick: datetime) -> tuple[float, int]:
    """Read the histories of a herd; returns its longest workflow task in seconds, and how many timed out."""
    longest, timed_out = 0.0, 0
    for workflow_id in await stack.database.read(_workflow_ids, tick):
        began = 0.0
        async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
            at = event.event_time.ToNanoseconds() / 1e9
            if event.event_type == STARTED:
                began = at
            elif event.event_type == COMPLETED:
                longest = max(longest, at - began)
            timed_out += event.event_type == TIMED_OUT
    return longest, timed_out
