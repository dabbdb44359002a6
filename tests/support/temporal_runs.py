"""Runs on a real Temporal: have ticks run, wait for what they come to, read their histories."""

from datetime import datetime

from sqlalchemy import select
from temporalio.client import WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.runs import Run
from tests.support.world import World


async def backfill(world: World, count: int) -> datetime:
    """Have the schedule run its next ticks of those that have passed, one after the other; returns the last of them."""
    return await world.minutes.run(world.client, world.heartbeat.uuid, count)


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
