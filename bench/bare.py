"""What runs are measured against: Temporal workflows of one activity, and of three, that do nothing."""

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


@workflow.defn
class Three:
    """As one writes a run by hand: to open it, to ask the model, to write down what came of it."""

    @workflow.run
    async def run(self, number: int) -> int:
        for _ in range(3):
            number = await workflow.execute_activity(nothing, number, start_to_close_timeout=timedelta(seconds=30))
        return number
