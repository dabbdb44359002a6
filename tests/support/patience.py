"""How long tests wait for what must come. A deadline here is for a failure, never for a pass, so it is long."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

# Seconds that anything may take on a machine with a lot else to do.
PATIENCE = 120


@overload
async def until(what: Callable[[], Awaitable[T]], holds: Callable[[T], object] = bool) -> T: ...
@overload
async def until(what: Callable[[], T], holds: Callable[[T], object] = bool) -> T: ...
async def until(what: Callable[[], Any], holds: Callable[[Any], object] = bool) -> Any:
    """Ask again until the answer holds, and return it."""
    answer, start = None, time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = what()
                if inspect.isawaitable(answer):
                    answer = await answer
                if holds(answer):
                    return answer
                await asyncio.sleep(_pause(time.monotonic() - start))
    except TimeoutError:
        raise AssertionError(f"not within {PATIENCE} s; the last answer: {answer!r}") from None


def wait_until(what: Callable[[], T], holds: Callable[[T], object] = bool, seconds: float = PATIENCE) -> T:
    """The same where no event loop runs."""
    start = time.monotonic()
    while not holds(answer := what()):
        waited = time.monotonic() - start
        assert waited < seconds, f"not within {seconds} s; the last answer: {answer!r}"
        time.sleep(_pause(waited))
    return answer


def _pause(waited: float) -> float:
    """The seconds until it is asked again: what takes long need not be asked for fifty times a second."""
    return min(max(0.02, waited / 20), 0.2)
