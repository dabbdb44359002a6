"""Runs on a real Temporal: have ticks run, wait for what they come to, read their histories."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.client import ScheduleBackfill, ScheduleOverlapPolicy, WorkflowHistory

from tests.support.world import World

T = TypeVar("T")


async def until(what: Callable[[], Awaitable[T]], holds: Callable[[T], bool], seconds: float = 15) -> T:
    """Ask again until it holds; the deadline is for a failure, not for a pass."""
    async with asyncio.timeout(seconds):
        while not holds(found := await what()):
            await asyncio.sleep(0.02)
    return found


async def backfill(house: World, minutes: int) -> datetime:
    """Have the schedule run its last few ticks now, one after the other, instead of waiting for the clock."""
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    await house.client.get_schedule_handle(house.heartbeat.uuid).backfill(
        ScheduleBackfill(
            start_at=end - timedelta(minutes=minutes - 1), end_at=end, overlap=ScheduleOverlapPolicy.BUFFER_ALL
        )
    )
    return end


async def history(house: World, log: str) -> WorkflowHistory:
    run = await house.run(log)
    return await house.client.get_workflow_handle(run.workflow_id).fetch_history()
