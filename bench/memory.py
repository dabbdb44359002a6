"""What the product's processes hold in memory."""

import asyncio

from bench.goals import Result
from bench.processes import resident_mb
from bench.running_stack import RunningStack

SETTLE_SECONDS = 2


async def measure(stack: RunningStack) -> Result:
    """Measure the idle processes, before they have done anything."""
    await asyncio.sleep(SETTLE_SECONDS)
    result = Result()
    result.at_most("idle memory of the API in MB", resident_mb(stack.api), 150)
    result.at_most("idle memory of a worker in MB", resident_mb(stack.worker), 200)
    return result
