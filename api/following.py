"""After a commit: have schedules follow their rows."""

import asyncio
from collections.abc import Sequence

from heartbeat.schedules import Schedules
from heartbeat.store.tables import Heartbeat

AT_ONCE = 10


async def follow(schedules: Schedules, heartbeat: Heartbeat) -> Heartbeat:
    """Put the schedule of a heartbeat whose version grew; returns the row as it is then."""
    if heartbeat.synced_version < heartbeat.version and await schedules.follow(heartbeat.uuid):
        return Heartbeat.model_construct(**{**vars(heartbeat), "synced_version": heartbeat.version})
    return heartbeat


async def follow_all(schedules: Schedules, heartbeats: Sequence[str]) -> None:
    """Put or delete many schedules; as soon as Temporal does not take one, the rest is left to Upkeep."""
    for start in range(0, len(heartbeats), AT_ONCE):
        part = heartbeats[start : start + AT_ONCE]
        if not all(await asyncio.gather(*(schedules.follow(heartbeat) for heartbeat in part))):
            return
