"""One heartbeat: from the instant it is due to the start of its workflow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import time

from temporalio.client import Client, ScheduleIntervalSpec, ScheduleSpec
from temporalio.service import RPCError, RPCStatusCode

from bench.goals import Result, rounded
from bench.quantiles import quantile
from bench.running_stack import RunningStack
from heartbeat.domain.clock import utc_now
from heartbeat.store.heartbeats.sync import scheduled_row
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.schedules import build

# Not every second: the server makes no timer shorter than one second, which no heartbeat is due in.
EVERY = 3
SAMPLES, TIMEOUT_SECONDS = 21, 30


async def measure(stack: RunningStack) -> Result:
    """Measure the product's own schedules, due every few seconds instead of every day; such ticks leave no log."""
    client = await stack.client()
    rows = stack.tenant.heartbeats[:EVERY]
    async with AsyncExitStack() as exits:
        for offset, row in enumerate(rows):
            await exits.enter_async_context(_often(stack, client, row, offset))
        first = int(datetime.now(UTC).timestamp()) + 2 * EVERY
        late = [await _late_ms(client, rows[at % EVERY], at) for at in range(first, first + SAMPLES)]
    result = Result(raw={"due_to_started_ms": [rounded(one) for one in sorted(late)]})
    result.at_most("one heartbeat: due to workflow started, p50 in ms", quantile(late, 0.5), 50)
    return result


@asynccontextmanager
async def _often(stack: RunningStack, client: Client, row: Heartbeat, offset: int) -> AsyncIterator[None]:
    """Create a schedule as `row` has, due `offset` seconds after every multiple of `EVERY` seconds since 1970."""
    scheduled = await stack.database.read(scheduled_row, row.uuid)
    assert scheduled is not None
    schedule = build(scheduled, stack.settings, utc_now())
    interval = ScheduleIntervalSpec(every=timedelta(seconds=EVERY), offset=timedelta(seconds=offset))
    schedule.spec = ScheduleSpec(intervals=[interval])
    handle = await client.create_schedule(f"due_{row.uuid}", schedule)
    try:
        yield
    finally:
        await handle.delete()


async def _late_ms(client: Client, row: Heartbeat, at: int) -> float:
    """Wait for the workflow of the tick at the Unix time `at`; returns how late it started, in ms."""
    tick = datetime.fromtimestamp(at, UTC)
    handle = client.get_workflow_handle(f"{row.uuid}-{tick:%Y-%m-%dT%H:%M:%SZ}")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            try:
                return ((await handle.describe()).start_time - tick) / timedelta(milliseconds=1)
            except RPCError as problem:
                if problem.status != RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(max(0.1, at - time()))
