"""A worker for the bare workflows, with the product's workflow runner.

`python -m bench.bare_worker ADDRESS`
"""

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import Worker

from bench.bare import QUEUE, Bare, Beginning, Three, clock, nothing
from worker import NO_SANDBOX


async def main(address: str) -> None:
    client = await Client.connect(address)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare, Beginning, Three],
        activities=[clock, nothing],
        workflow_runner=NO_SANDBOX,
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
