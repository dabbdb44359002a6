"""What becomes of ticks, triggers and edits: of a bare Schedule as the SDK makes it, and of a heartbeat.

No worker polls for the bare ones, so what they start stays open, and nothing here depends on who is faster.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleInfo,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

import worker
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.schedules import Schedules
from tests.support.patience import until
from tests.support.runs import LIMITS, scheduled
from tests.support.world import World

HEARTBEAT, RUN = columns(Heartbeat), columns(Run)
MINUTE = timedelta(minutes=1)
EVERY_MINUTE, WEEKDAYS = "* * * * *", "0 9 * * 1-5"


@asynccontextmanager
async def bare(
    client: Client, cron: str = "0 0 1 1 *", lasts: float = 30, **policy: Any
) -> AsyncIterator[ScheduleHandle]:
    """A schedule with the SDK's defaults, gone afterwards; a workflow it starts times out after so many seconds."""
    name = new_id("bare")
    limit = timedelta(seconds=lasts)
    action = ScheduleActionStartWorkflow("Nothing", id=name, task_queue=name, execution_timeout=limit)
    schedule = Schedule(action, ScheduleSpec(cron_expressions=[cron]), SchedulePolicy(**policy))
    handle = await client.create_schedule(name, schedule)
    try:
        yield handle
    finally:
        await handle.delete()


async def write(world: World, **values: object) -> None:
    """The owner changes the heartbeat."""
    newer = update(HEARTBEAT).values(version=HEARTBEAT.c.version + 1, **values)
    await world.database.write(lambda c: c.execute(newer))


async def followed(world: World) -> ScheduleDescription:
    """The heartbeat's schedule once it has followed its row."""
    assert await world.schedules.sync(world.heartbeat.uuid)
    return await world.schedules.describe(world.heartbeat.uuid)


async def catch_up_window(client: Client) -> str:
    async with bare(client) as handle:
        return str((await handle.describe()).schedule.policy.catchup_window)


async def our_catch_up_window(world: World) -> str:
    return str((await followed(world)).schedule.policy.catchup_window)


async def late(client: Client, count: int) -> tuple[ScheduleInfo, str]:
    """What becomes of so many ticks that are late at once, and whether it is the oldest of them that runs."""
    years = [datetime(2025 - ago, 1, 1, tzinfo=UTC) for ago in range(count, 0, -1)]
    async with bare(client) as handle:
        await handle.backfill(ScheduleBackfill(start_at=years[0], end_at=years[-1]))
        description = await until(handle.describe, lambda description: _seen(description.info) == count)
        [run] = description.info.running_actions
        assert isinstance(run, ScheduleActionExecutionStartWorkflow)
        oldest = run.workflow_id.endswith(f"{years[0]:%Y-%m-%dT%H:%M:%SZ}")
        return description.info, "oldest" if oldest else "newer one"


def _seen(info: ScheduleInfo) -> int:
    return info.num_actions + info.num_actions_skipped_overlap


async def tick_during_a_run(client: Client) -> str:
    info, _ = await late(client, 2)
    return f"a run; {info.num_actions_skipped_overlap} dropped"


async def our_tick_during_a_run(world: World) -> str:
    first = datetime.now(UTC).replace(second=0, microsecond=0)
    await write(world, cron_pattern=EVERY_MINUTE)
    await opened(world, first, now=first)
    await opened(world, first + MINUTE, now=first + MINUTE)
    return await logs(world)


async def five_late_ticks(client: Client) -> str:
    """As after an outage. A server that is killed forgets ticks beside: 7 of 14 in 40 s, when that was measured."""
    info, which = await late(client, 5)
    return f"a run for the {which}; {info.num_actions_skipped_overlap} dropped"


async def our_five_late_ticks(world: World) -> str:
    newest = datetime.now(UTC).replace(second=0, microsecond=0)
    oldest = newest - 4 * MINUTE
    await write(world, cron_pattern=EVERY_MINUTE, accounted_until=oldest - MINUTE)
    await opened(world, oldest, now=newest + MINUTE / 2)
    return await logs(world)


async def opened(world: World, tick: datetime, now: datetime) -> Run:
    """The run that Temporal's workflow for this tick opens."""
    claim = scheduled(world.heartbeat, tick)
    run = (await world.database.write(lambda c: open_run(c, claim, LIMITS, now))).run
    assert run is not None
    return run


async def logs(world: World) -> str:
    """What there is for each tick, oldest first."""
    shown = select(RUN.c.status, RUN.c.skip_reason).order_by(RUN.c.scheduled_for)
    rows = await world.database.read(lambda c: list(c.execute(shown)))
    return ", ".join(reason or status for status, reason in rows)


async def failures(client: Client) -> str:
    async with bare(client, lasts=1, pause_on_failure=True) as handle:
        await handle.trigger()
        description = await until(handle.describe, lambda description: description.schedule.state.paused)
        return f"paused after {description.info.num_actions}"


async def our_failures(world: World) -> str:
    """The heartbeat of the world has `max_consecutive_errors=2`."""
    tick, failed = datetime.now(UTC).replace(second=0, microsecond=0), 0
    await write(world, cron_pattern=EVERY_MINUTE)
    while not (await followed(world)).schedule.state.paused:
        tick, failed = tick + MINUTE, failed + 1
        run, now = await opened(world, tick, now=tick), tick
        await world.database.write(lambda c: close_run(c, run.uuid, Ending("error", "key_rejected", "No."), now))
    return f"paused after {failed}"


async def pattern_kept(client: Client) -> str:
    async with bare(client, WEEKDAYS) as handle:
        return ", ".join((await handle.describe()).schedule.spec.cron_expressions) or "nothing"


async def our_pattern_kept(world: World) -> str:
    await write(world, cron_pattern=WEEKDAYS)
    return (await followed(world)).schedule.state.note or "nothing"


async def five_triggers(client: Client) -> str:
    """A workflow is named after the second it was triggered in, so allowing overlap would not save them either."""
    async with bare(client) as handle:
        await asyncio.gather(*(handle.trigger() for _ in range(5)))
        await until(handle.describe, lambda description: description.info.num_actions > 0)
        # What was asked for before is done when this is.
        await handle.pause()
        description = await until(handle.describe, lambda description: description.schedule.state.paused)
        # One for each second that they fell into.
        return "5 runs" if description.info.num_actions == 5 else "fewer runs"


async def our_five_triggers(world: World) -> str:
    async with worker.running_worker(world.client, world.database, world.settings):
        handles = await asyncio.gather(*(world.start() for _ in range(5)))
        results = await asyncio.gather(*(handle.result() for handle in handles))
    return f"{len({result.run_uuid for result in results if result.status == 'success'})} runs"


async def edits_at_once(client: Client) -> str:
    """A second edit comes between the first one's look and its write."""
    async with bare(client) as handle:

        async def first(update: ScheduleUpdateInput) -> ScheduleUpdate:
            await handle.update(second)
            update.description.schedule.policy.catchup_window = MINUTE
            return ScheduleUpdate(update.description.schedule)

        def second(update: ScheduleUpdateInput) -> ScheduleUpdate:
            update.description.schedule.state.note = "second"
            return ScheduleUpdate(update.description.schedule)

        await handle.update(first)
        return (await handle.describe()).schedule.state.note or "the second edit is gone"


class Overtaken(Schedules):
    """Between its look at the schedule and its write, another process writes the row and puts the schedule."""

    def __init__(self, world: World) -> None:
        super().__init__(world.client, world.database, world.settings)
        self.world, self.overtaken = world, False

    async def put_version(self, description: ScheduleDescription) -> int:
        seen = await super().put_version(description)
        if not self.overtaken:
            self.overtaken = True
            await write(self.world, cron_pattern=WEEKDAYS)
            await followed(self.world)
        return seen


async def our_edits_at_once(world: World) -> str:
    await followed(world)
    await write(world, cron_pattern="0 7 * * *")
    first = Overtaken(world)
    assert await first.sync(world.heartbeat.uuid)
    assert first.overtaken
    return (await world.schedules.describe(world.heartbeat.uuid)).schedule.state.note or "nothing"


async def our_tick_in_moments(world: World) -> str:
    began = datetime.now(UTC)
    soon = began + timedelta(seconds=3.5)
    await write(world, next_tick_at=soon)
    assert await Schedules(world.client, world.database, world.settings, lambda: began).sync(world.heartbeat.uuid)
    took = datetime.now(UTC) - began
    run = world.client.get_workflow_handle(f"{world.heartbeat.uuid}-{soon:%Y-%m-%dT%H:%M:%SZ}")
    begins = (await run.describe()).execution_time
    assert begins is not None
    in_time = timedelta(seconds=-1) < begins - soon < took + timedelta(seconds=1)
    return "its workflow waits for it" if in_time else f"{begins} is not {soon}"
