"""Heartbeats of an activity: a dead worker is noticed, and a cancellation heard, within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

BEAT_SECONDS = 2


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Beats while the body runs.

    None at once: the start says as much, and an answer within two seconds costs no request to Temporal.
    """

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            activity.heartbeat()

    beats = asyncio.create_task(beat())
    try:
        yield
    finally:
        beats.cancel()
