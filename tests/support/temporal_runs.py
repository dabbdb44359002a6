"""Runs on a real Temporal: have ticks run, wait for what they come to, read their histories."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from temporalio.client import ScheduleBackfill, ScheduleOverlapPolicy, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.runs import Run
from tests.support.world import World


async def backfill(world: World, minutes: int, end: datetime | None = None) -> datetime:
    """Have the schedule run its last few ticks now, one after the other, instead of waiting for the clock.

    Without an `end`, which is a full minute, those are the ticks until a minute ago; returns it.
    """
    end = end or datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    await world.client.get_schedule_handle(world.heartbeat.uuid).backfill(
        ScheduleBackfill(
            start_at=end - timedelta(minutes=minutes - 1), end_at=end, overlap=ScheduleOverlapPolicy.BUFFER_ALL
        )
    )
    return end


async def history(world: World, log: str) -> WorkflowHistory:
    run = await world.run(log)
    return await world.client.get_workflow_handle(run.workflow_id).fetch_history()


async def runs(world: World) -> list[Run]:
    table = columns(Run)
    return await world.database.read(
        lambda c: many(c, Run, select(table).where(table.c.heartbeat_id == world.heartbeat.id).order_by(table.c.id))
    )


async def has_schedule(world: World) -> bool:
    try:
        await world.client.get_schedule_handle(world.heartbeat.uuid).describe()
    except RPCError as problem:
        if problem.status != RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True
