"""Sync a heartbeat's schedule with its row."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from heartbeat.temporal.schedules import Schedules


class ScheduleActivities:
    """Puts schedules from inside a workflow, after the end of a run changed the row."""

    def __init__(self, schedules: Schedules) -> None:
        self._schedules = schedules

    @activity.defn
    async def follow_schedule(self, heartbeat_uuid: str) -> None:
        """Put or delete the schedule of this heartbeat; tried again until Temporal takes it."""
        if not await self._schedules.sync(heartbeat_uuid):
            raise ApplicationError("Temporal did not take the schedule", type="schedule_pending")
