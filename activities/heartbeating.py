"""Heartbeats of an activity: a dead worker is noticed, and a cancellation heard, within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

INTERVAL_SECONDS = 2


@asynccontextmanager
async def heartbeating() -> AsyncIterator[None]:
    """Send heartbeats while the body runs.

    None at once: the start says as much, and an answer within two seconds costs no request to Temporal. None of a local
    activity: it is a part of its workflow's task, which the SDK keeps alive.
    """
    if activity.info().is_local:
        yield
        return
    heartbeats = asyncio.create_task(_send_heartbeats())
    try:
        yield
    finally:
        heartbeats.cancel()


async def _send_heartbeats() -> None:
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        activity.heartbeat()
