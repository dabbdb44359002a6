"""What must not be left half done, whatever is cancelled meanwhile."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def shielded(transaction: Awaitable[T]) -> T:
    """Await it to its end: no run is left open."""
    task = asyncio.ensure_future(transaction)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()
