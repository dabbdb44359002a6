"""What runs are measured against: a Temporal workflow of one activity that does nothing."""

from datetime import timedelta

from temporalio import activity, workflow

QUEUE = "bare"


@activity.defn
async def nothing(number: int) -> int:
    return number


@workflow.defn
class Bare:
    @workflow.run
    async def run(self, number: int) -> int:
        return await workflow.execute_activity(nothing, number, start_to_close_timeout=timedelta(seconds=30))
