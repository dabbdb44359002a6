"""What runs are measured against: Temporal workflows of one activity, and of three, that do nothing."""

from datetime import timedelta
from time import time

from temporalio import activity, workflow

QUEUE = "bare"


@activity.defn
async def nothing(number: int) -> int:
    return number


@activity.defn
async def clock() -> float:
    return time()


@workflow.defn
class Beginning:
    """It tells when it began, by a local activity, as a run's first one is."""

    @workflow.run
    async def run(self) -> float:
        return await workflow.execute_local_activity(clock, start_to_close_timeout=timedelta(seconds=30))


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
