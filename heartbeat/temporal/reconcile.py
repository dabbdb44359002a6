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
from heartbeat.store.database import Database
from heartbeat.store.heartbeats.sync import SyncState, adopt_pause, adopt_resume, known
from heartbeat.temporal.schedules import Schedules, spec_hash

What = Literal["created", "put", "deleted", "paused", "enabled"]
CONCURRENCY = 10
# A schedule without a row may be a moment ahead of a row that is just being written.
YOUNG = timedelta(minutes=1)
LIST_TIMEOUT = timedelta(seconds=10)


@dataclass(frozen=True)
class ScheduleDifference:
    """One schedule that was not as its row says, and what is done about it."""

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

    async def compare(self, rows: Sequence[SyncState]) -> list[ScheduleDifference]:
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

    async def _compare(self, row: SyncState) -> ScheduleDifference | None:
        try:
            description = await self._schedules.describe(row.uuid)
        except RPCError as problem:
            if problem.status != RPCStatusCode.NOT_FOUND:
                raise
            return await self._sync(row, "created", "its schedule was gone")
        if row.synced_version < row.version:
            return await self._sync(row, "put", "the schedule was behind its row")
        return await self._adopt(row, description) or await self._repair(row, description)

    async def _repair(self, row: SyncState, description: ScheduleDescription) -> ScheduleDifference | None:
        """Put a schedule that no longer is what was put."""
        fingerprint = spec_hash(description, self._now())
        if fingerprint == row.spec_hash:
            return None
        same_year = row.spec_hash is None or fingerprint[:4] == row.spec_hash[:4]
        return await self._sync(row, "put", "the schedule was changed in Temporal" if same_year else "a year began")

    async def _sync(self, row: SyncState, what: What, reason: str) -> ScheduleDifference:
        if not self._dry_run:
            await self._schedules.sync(row.uuid)
        return ScheduleDifference(row.uuid, what, reason)

    async def _adopt(self, row: SyncState, description: ScheduleDescription) -> ScheduleDifference | None:
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
