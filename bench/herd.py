"""A hundred heartbeats due in the same instant, until the last log is closed.

A workflow task that its worker does not finish within ten seconds is given up and done again, which is what makes a
herd ten seconds longer: the longest one says how far that is.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter

from sqlalchemy import func, select
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

from bench.goals import Result, rounded
from bench.quantiles import quantile
from bench.running_stack import RunningStack
from heartbeat.store.rows import columns
from heartbeat.store.tables.runs import Run

RUN = columns(Run)
HERDS = 8
LONGEST = 60.0
STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
COMPLETED, TIMED_OUT = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT


async def measure(house: RunningStack) -> Result:
    """Real schedules, each told to make up for the same midnight: the server treats it as a due tick."""
    client = await house.client()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = [today - timedelta(days=ago) for ago in range(HERDS, 0, -1)]
    took = [await _herd(house, client, tick) for tick in ticks]
    middle = quantile(took, 0.5)
    longest, timed_out = await _tasks(house, client, ticks[took.index(max(took))])
    result = Result(raw={"herd_seconds": [rounded(one) for one in took], "heartbeats": len(house.tenant.heartbeats)})
    result.at_most("herd of 100: the slowest of the herds / the median", max(took) / middle, 2)
    result.at_most("slowest herd: workflow tasks that timed out", timed_out, 0)
    result.at_most("slowest herd: the longest workflow task in s (given up at 10)", longest, 5)
    return result


async def _herd(house: RunningStack, client: Client, tick: datetime) -> float:
    """Seconds until every heartbeat has its log of `tick`."""
    began = perf_counter()
    backfill = ScheduleBackfill(start_at=tick, end_at=tick, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    await asyncio.gather(*(client.get_schedule_handle(row.uuid).backfill(backfill) for row in house.tenant.heartbeats))
    closed = select(func.count()).where(RUN.c.scheduled_for == tick, RUN.c.status == "success")
    async with asyncio.timeout(LONGEST):
        while True:
            logs = await house.database.read(lambda connection: connection.execute(closed).scalar_one())
            if logs == len(house.tenant.heartbeats):
                return perf_counter() - began
            await asyncio.sleep(0.02)


async def _tasks(house: RunningStack, client: Client, tick: datetime) -> tuple[float, int]:
    """The longest workflow task of a herd's runs in seconds, and how many timed out."""
    of_herd = select(RUN.c.workflow_id).where(RUN.c.scheduled_for == tick)
    ids = await house.database.read(lambda connection: list(connection.execute(of_herd).scalars()))
    longest, timed_out = 0.0, 0
    for workflow_id in ids:
        began = 0.0
        async for event in client.get_workflow_handle(workflow_id).fetch_history_events():
            at = event.event_time.ToNanoseconds() / 1e9
            if event.event_type == STARTED:
                began = at
            elif event.event_type == COMPLETED:
                longest = max(longest, at - began)
            timed_out += event.event_type == TIMED_OUT
    return longest, timed_out
