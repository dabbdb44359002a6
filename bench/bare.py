"""The measure of things: a Temporal workflow of one activity that does nothing, on a worker like the product's.

`python -m bench.bare ADDRESS`
"""

import asyncio
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bare"


@activity.defn
async def nothing(number: int) -> int:
    """Hand back what came in."""
    return number


@workflow.defn
class Bare:
    @workflow.run
    async def run(self, number: int) -> int:
        return await workflow.execute_activity(nothing, number, start_to_close_timeout=timedelta(seconds=30))


async def main(address: str) -> None:
    from worker import SANDBOX

    client = await Client.connect(address)
    async with Worker(client, task_queue=QUEUE, workflows=[Bare], activities=[nothing], workflow_runner=SANDBOX):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
