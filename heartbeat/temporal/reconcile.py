"""Rows and schedules compared and what differs put right. The row is the truth, but for a pause in Temporal's UI."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import SCHEDULE_PREFIXES
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import (
    ScheduledRow,
    adopt_pause,
    adopt_resume,
    known,
    scheduled_row,
)
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.comparison import is_as_built, missing_tick
from heartbeat.temporal.schedules import Schedules

What = Literal["created", "put", "deleted", "paused", "enabled", "differs", "ended"]
CONCURRENCY = 10
# A schedule without a row may be a moment ahead of a row that is just being written.
YOUNG = timedelta(minutes=1)
LIST_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True)
class ScheduleDifference:
    """One schedule that was not as its row says, and what is done about it: nothing, if it `differs`.

    Or a run of it that was `ended`, for the database does not know it, or knows that it is over.
    """

    heartbeat_uuid: str
    what: What
    reason: str


class Reconciler:
    """Compares and repairs. With `dry_run` it only reports."""

    def __init__(
        self,
        client: Client,
        database: Database,
        schedules: Schedules,
        now: Clock = utc_now,
        *,
        dry_run: bool = False,
    ) -> None:
        self._client = client
        self._database = database
        self._schedules = schedules
        self._now = now
        self._dry_run = dry_run

    async def compare(self, rows: Sequence[ScheduledRow]) -> list[ScheduleDifference]:
        """Compare these rows with their schedules, ten at once; raises `RPCError` or `NoAnswer` if Temporal is away."""
        differences: list[ScheduleDifference] = []
        for start in range(0, len(rows), CONCURRENCY):
            batch = await asyncio.gather(*(self._compare(row) for row in rows[start : start + CONCURRENCY]))
            differences += [difference for difference in batch if difference]
        return differences

    async def orphans(self) -> list[ScheduleDifference]:
        """Delete the schedules with our prefix that no row asks for."""
        differences = []
        async for uuid in self._unknown():
            differences.append(ScheduleDifference(uuid, "deleted", "no heartbeat has this schedule"))
            if not self._dry_run:
                await self._schedules.delete(uuid)
        return differences

    async def _compare(self, scheduled: ScheduledRow) -> ScheduleDifference | None:
        row = scheduled.heartbeat
        try:
            description = await self._schedules.describe(row.uuid)
        except RPCError as problem:
            if problem.status != RPCStatusCode.NOT_FOUND:
                raise
            return await self._sync(row, "created", "its schedule was gone")
        if row.synced_version < row.version:
            return await self._sync(row, "put", "the schedule was behind its row")
        version = await self._schedules.put_version(description)
        if version > row.version:
            return await self._overtake(row, version)
        # An older one was not paused by a person, but by what the row was then.
        if version == row.version and (difference := await self._adopt(row, description)):
            return difference
        if not await is_as_built(self._client, description, self._schedules.build(scheduled)):
            return await self._sync(row, "put", "the schedule was not as its row says")
        return self._disagreement(row, description)

    async def _overtake(self, row: Heartbeat, version: int) -> ScheduleDifference | None:
        """Put the schedule of a row that went back; one that has only moved on since it was read is as it should be."""
        newest = await self._database.read(scheduled_row, row.uuid)
        if newest is None or newest.heartbeat.version >= version:
            return None
        return await self._sync(row, "put", f"the database went back from version {version} to {row.version}")

    def _disagreement(self, row: Heartbeat, description: ScheduleDescription) -> ScheduleDifference | None:
        """Report that Temporal's server has other time zone data than this process; nothing here could mend that."""
        tick = missing_tick(description, row, self._now())
        if tick is None:
            return None
        start = min(description.info.next_action_times, key=lambda time: abs(time - tick))
        reason = (
            f"due at {tick:%Y-%m-%d %H:%M} UTC, and Temporal would start it at {start:%Y-%m-%d %H:%M}: its time "
            f"zone data and that of this process differ on {row.timezone}"
        )
        return ScheduleDifference(row.uuid, "differs", reason)

    async def _sync(self, row: Heartbeat, what: What, reason: str) -> ScheduleDifference:
        if not self._dry_run:
            await self._schedules.sync(row.uuid)
        return ScheduleDifference(row.uuid, what, reason)

    async def _adopt(self, row: Heartbeat, description: ScheduleDescription) -> ScheduleDifference | None:
        """A person paused or resumed it in Temporal's UI: their wish becomes the row's."""
        state = description.schedule.state
        if state.paused == (not row.enabled):
            return None
        note = state.note or "without a note"
        now, write = self._now(), self._database.write
        if state.paused:
            difference = ScheduleDifference(row.uuid, "paused", f"paused in Temporal: {note}")
            adopted = not self._dry_run and await write(adopt_pause, row, note, now)
        else:
            difference = ScheduleDifference(row.uuid, "enabled", "resumed in Temporal")
            adopted = not self._dry_run and await write(adopt_resume, row, now)
        if adopted:
            await self._schedules.sync(row.uuid)
        return difference

    async def _unknown(self) -> AsyncIterator[str]:
        """Schedules with our prefix, older than a minute, that belong to no living heartbeat."""
        batch: list[str] = []
        async for listed in await self._client.list_schedules(rpc_timeout=LIST_TIMEOUT):
            if listed.id.startswith(SCHEDULE_PREFIXES):
                batch.append(listed.id)
            if len(batch) == 500:
                for uuid in await self._without_row(batch):
                    yield uuid
                batch = []
        for uuid in await self._without_row(batch):
            yield uuid

    async def _without_row(self, uuids: Sequence[str]) -> list[str]:
        living = await self._database.read(known, uuids)
        return [uuid for uuid in uuids if uuid not in living and await self._is_ours_and_old(uuid)]

    async def _is_ours_and_old(self, uuid: str) -> bool:
        """Another installation may share the namespace: its schedules start workflows on a task queue of its own."""
        try:
            description = await self._schedules.describe(uuid)
        except RPCError as problem:
            if problem.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        action = description.schedule.action
        ours = isinstance(action, ScheduleActionStartWorkflow) and action.task_queue == self._schedules.task_queue
        return ours and self._now() - description.info.created_at > YOUNG
