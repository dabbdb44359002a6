"""One heartbeat: from the instant it is due to the start of its workflow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, ScheduleIntervalSpec, ScheduleSpec
from temporalio.service import RPCError, RPCStatusCode

from bench.goals import Result, rounded
from bench.house import House
from bench.quantiles import quantile
from heartbeat.schedules import build
from heartbeat.store.syncing import order
from heartbeat.store.tables import Heartbeat

SECOND = timedelta(seconds=1)
SAMPLES = 20


async def measure(house: House) -> Result:
    """The product's own schedule, due every second instead of every day; its ticks are phantoms and leave no log."""
    client = await house.client()
    row = house.tenant.heartbeats[-1]
    async with _every_second(house, client, row):
        first = datetime.now(UTC).replace(microsecond=0) + 3 * SECOND
        ticks = [first + number * SECOND for number in range(SAMPLES)]
        late = [await _late_ms(client, row, tick) for tick in ticks]
    result = Result(raw={"due_to_started_ms": [rounded(one) for one in sorted(late)]})
    result.at_most("one heartbeat: due to workflow started, p50 in ms", quantile(late, 0.5), 50)
    return result


@asynccontextmanager
async def _every_second(house: House, client: Client, row: Heartbeat) -> AsyncIterator[None]:
    found = await house.database.read(lambda connection: order(connection, row.uuid))
    assert found is not None
    schedule = build(found, house.settings)
    schedule.spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SECOND)])
    handle = await client.create_schedule(row.uuid, schedule)
    try:
        yield
    finally:
        await handle.delete()


async def _late_ms(client: Client, row: Heartbeat, tick: datetime) -> float:
    """How long after `tick` its workflow started; waits for it."""
    handle = client.get_workflow_handle(f"{row.uuid}-{tick:%Y-%m-%dT%H:%M:%SZ}")
    async with asyncio.timeout(SAMPLES + 30):
        while True:
            try:
                return ((await handle.describe()).start_time - tick) / timedelta(milliseconds=1)
            except RPCError as problem:
                if problem.status != RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(max(0.1, (tick - datetime.now(UTC)).total_seconds()))
