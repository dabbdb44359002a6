"""What a process does beside its work, and how one that used Temporal's SDK ends."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, NoReturn


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do this work for as long as the body runs; it is cancelled, and has ended, when that is over."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def leave(code: int = 0, message: str = "") -> NoReturn:
    """End the process without taking the interpreter down: there the SDK aborts now and then on 3.11 to 3.13."""
    if message:
        sys.stderr.write(f"{message}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
