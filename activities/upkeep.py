"""What is put right every minute, whoever was down meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import Connection
from temporalio import activity
from temporalio.client import Client

from activities.runs import utc_now
from heartbeat.schedules import Schedules
from heartbeat.store.closing import Ending, close_run
from heartbeat.store.database import Database
from heartbeat.store.syncing import lift_budget_pauses, long_running, unsynced
from heartbeat.temporal import how_it_ended

AT_ONCE = 200


class Upkeep:
    """The activities of the workflow `Upkeep`. Each does a bounded amount and says how much it did."""

    def __init__(
        self, client: Client, database: Database, schedules: Schedules, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._client = client
        self._database = database
        self._schedules = schedules
        self._now = now

    @activity.defn
    async def lift_budget_pauses(self) -> int:
        """Enable the heartbeats whose budget is fresh again."""
        return await self._database.write(lambda connection: lift_budget_pauses(connection, self._now()))

    @activity.defn
    async def follow_pending(self) -> int:
        """Put every schedule that is behind its row."""
        behind = await self._database.read(lambda connection: unsynced(connection, AT_ONCE))
        for heartbeat in behind:
            activity.heartbeat()
            await self._schedules.follow(heartbeat)
        return len(behind)

    @activity.defn
    async def close_lost_runs(self) -> int:
        """Close the runs whose workflow was terminated or is gone, as errors that say so."""
        open_runs = await self._database.read(lambda connection: long_running(connection, self._now(), AT_ONCE))
        endings = await asyncio.gather(*(how_it_ended(self._client, run) for run in open_runs))
        lost = [(run, ending) for run, ending in zip(open_runs, endings, strict=True) if ending]
        for run, ending in lost:
            await self._database.write(partial(_close, run.uuid, ending, self._now()))
        return len(lost)


def _close(run: str, ending: Ending, now: datetime, connection: Connection) -> None:
    close_run(connection, run, ending, now)
