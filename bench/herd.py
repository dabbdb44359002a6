"""A hundred heartbeats due in the same instant, until the last log is closed."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter

from sqlalchemy import func, select
from temporalio.client import Client, ScheduleBackfill, ScheduleOverlapPolicy

from bench.goals import Result, rounded
from bench.house import House
from bench.quantiles import quantile
from heartbeat.store.database import columns
from heartbeat.store.records import Run

RUN = columns(Run)
HERDS = 8
LONGEST = 60.0


async def measure(house: House) -> Result:
    """Real schedules, each told to make up for the same midnight: the server treats it as a due tick."""
    client = await house.client()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    took = [await _herd(house, client, today - timedelta(days=ago)) for ago in range(HERDS, 0, -1)]
    middle = quantile(took, 0.5)
    result = Result(raw={"herd_seconds": [rounded(one) for one in took], "heartbeats": len(house.tenant.heartbeats)})
    result.at_most("herd of 100: the slowest of the herds / the median", max(took) / middle, 2)
    return result


async def _herd(house: House, client: Client, tick: datetime) -> float:
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
