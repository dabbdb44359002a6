"""A heartbeat's row made into its Temporal Schedule. The row is the truth; the schedule is only the clock."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.domain.cadence import calendars
from heartbeat.domain.cadence.spread import delayed
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import AGENT_RUN, UPKEEP, UPKEEP_SCHEDULE_ID, RunRequest
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import built
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.sync import ScheduledRow, mark_synced, scheduled_row
from heartbeat.store.heartbeats.tick_accounting import cadence_of, start_delay_of
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.client import RPC_TIMEOUT, answer_to
from heartbeat.temporal.comparison import version_of
from heartbeat.temporal.fairness import priority
from heartbeat.temporal.runs import start_tick
from heartbeat.temporal.summaries import run_summary

log = logging.getLogger(__name__)

SOON = timedelta(seconds=30)
# Temporal's own default is 365 days: an outage would be followed by a flood of stale runs.
CATCH_UP = timedelta(hours=24)
UPKEEP_LIMIT = timedelta(minutes=10)
# Schedules that are synced side by side.
CONCURRENCY = 10


class Schedules:
    """Keeps Temporal's schedules in step with the rows."""

    def __init__(self, client: Client, database: Database, settings: Settings, now: Clock = utc_now) -> None:
        self._client = client
        self._database = database
        self._settings = settings
        self._now = now

    @property
    def task_queue(self) -> str:
        """Where our schedules start their workflows."""
        return self._settings.task_queue

    async def sync(self, heartbeat_uuid: str, written: ScheduledRow | None = None) -> bool:
        """Put or delete the schedule of this heartbeat from its row; false when Temporal does not take it now.

        Whoever has just written the row hands it in, to begin with it.

        A put that turns out to have been overtaken is followed by another from the newer row, so the last one of
        several at once leaves the newest version behind.
        """
        try:
            while not await answer_to(self._client, self._sync_once(heartbeat_uuid, written)):
                written = None
        except (RPCError, RuntimeError, Unavailable) as problem:
            log.warning("the schedule of %s is pending: %s", heartbeat_uuid, problem)
            return False
        return True

    async def sync_row(self, heartbeat: Heartbeat, access: Access | None = None) -> Heartbeat:
        """Sync the schedule of a row whose version grew; returns the row as it is then.

        What was just written with `access` need not be read again.
        """
        if heartbeat.synced_version >= heartbeat.version:
            return heartbeat
        written = ScheduledRow.of(heartbeat, access) if access else None
        if not await self.sync(heartbeat.uuid, written):
            return heartbeat
        fields = vars(heartbeat) | {"synced_version": heartbeat.version}
        return built(Heartbeat, fields.keys(), fields.values())

    async def sync_all(self, heartbeat_uuids: Sequence[str]) -> None:
        """Sync many schedules; as soon as Temporal does not take one, the rest is left to Upkeep."""
        for start in range(0, len(heartbeat_uuids), CONCURRENCY):
            batch = heartbeat_uuids[start : start + CONCURRENCY]
            if not all(await asyncio.gather(*(self.sync(uuid) for uuid in batch))):
                return

    async def _sync_once(self, heartbeat_uuid: str, written: ScheduledRow | None) -> bool:
        """True when the schedule now stands for the newest version of the row."""
        scheduled = written or await self._database.read(scheduled_row, heartbeat_uuid)
        if scheduled is None:
            return True
        row = scheduled.heartbeat
        if row.deleted_at:
            await self.delete(row.uuid)
        elif newer := await self._put(scheduled):
            await self._restore(row, newer)
            return False
        else:
            await self._start_if_soon(scheduled)
        return await self._database.write(mark_synced, heartbeat_uuid, row.version)

    async def _restore(self, row: Heartbeat, put_version: int) -> None:
        if await self._database.write(states.restore, row.uuid, row.version, put_version, self._now()):
            log.error(
                "the database went back: the schedule of %s is of version %s, its row of %s. It is put from the row.",
                row.uuid,
                put_version,
                row.version,
            )

    async def _start_if_soon(self, scheduled: ScheduledRow) -> None:
        """Start a tick that is due within moments with a delay: schedules have been seen to lose those."""
        row, now = scheduled.heartbeat, self._now()
        if not (row.enabled and row.next_tick_at):
            return
        start = row.next_tick_at + start_delay_of(row)
        if now < start <= now + SOON:
            await start_tick(self._client, self._settings, scheduled, row.next_tick_at, start - now)

    async def describe(self, heartbeat_uuid: str) -> ScheduleDescription:
        """What Temporal has; raises `RPCError` and `NoAnswer`."""
        handle = self._client.get_schedule_handle(heartbeat_uuid)
        return await answer_to(self._client, handle.describe(rpc_timeout=RPC_TIMEOUT))

    def build(self, scheduled: ScheduledRow) -> Schedule:
        """The schedule that a row stands for now."""
        return build(scheduled, self._settings, self._now())

    async def put_version(self, description: ScheduleDescription) -> int:
        """The version of the row that a schedule was put from; 0 if a person changed it so that there is none."""
        return await version_of(self._client, description)

    async def _put(self, scheduled: ScheduledRow) -> int | None:
        """Put the schedule of this row, unless Temporal has one of a newer version: returns that."""
        row, schedule = scheduled.heartbeat, self.build(scheduled)
        if row.synced_version == 0 and await self._create(row, schedule):
            return None
        try:
            return await self._update(row, schedule)
        except RPCError as problem:
            if problem.status != RPCStatusCode.NOT_FOUND:
                raise
        # Whoever finds none at the same time creates it, too.
        return None if await self._create(row, schedule) else await self._update(row, schedule)

    async def _create(self, row: Heartbeat, schedule: Schedule) -> bool:
        """Create the schedule of a row; false when there is one."""
        try:
            await self._client.create_schedule(row.uuid, schedule, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            return False
        return True

    async def _update(self, row: Heartbeat, schedule: Schedule) -> int | None:
        newer: int | None = None

        async def unless_newer(update: ScheduleUpdateInput) -> ScheduleUpdate | None:
            nonlocal newer
            version = await self.put_version(update.description)
            newer = version if version > row.version else None
            return None if newer else ScheduleUpdate(schedule)

        await self._client.get_schedule_handle(row.uuid).update(unless_newer, rpc_timeout=RPC_TIMEOUT)
        return newer

    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule; deleting one that is gone is a success. Raises `RPCError` and `NoAnswer`."""
        handle = self._client.get_schedule_handle(schedule_id)
        try:
            await answer_to(self._client, handle.delete(rpc_timeout=RPC_TIMEOUT))
        except RPCError as problem:
            if problem.status != RPCStatusCode.NOT_FOUND:
                raise

    async def is_busy(self, heartbeat_uuid: str) -> bool:
        """Whether a workflow that this schedule started is still open: queued, or running."""
        try:
            description = await self.describe(heartbeat_uuid)
        except RPCError as problem:
            if problem.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        return bool(description.info.running_actions)

    async def ensure_upkeep(self) -> None:
        """Have the schedule that starts `Upkeep` each minute; a worker calls this when it starts."""
        schedule = Schedule(
            action=ScheduleActionStartWorkflow(
                UPKEEP,
                id=UPKEEP_SCHEDULE_ID,
                task_queue=self._settings.queue(Role.UPKEEP),
                # One that an upgrade leaves unable to go on must not keep the next ones away for ever.
                execution_timeout=UPKEEP_LIMIT,
            ),
            spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=1))]),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
            state=ScheduleState(note="Every minute: closes lost runs, lifts budget pauses, puts pending schedules."),
        )
        try:
            await self._client.create_schedule(UPKEEP_SCHEDULE_ID, schedule, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            await self._client.get_schedule_handle(UPKEEP_SCHEDULE_ID).update(
                lambda _: ScheduleUpdate(schedule), rpc_timeout=RPC_TIMEOUT
            )


def build(scheduled: ScheduledRow, settings: Settings, now: datetime) -> Schedule:
    """The whole schedule of a heartbeat; nothing of what Temporal had before is kept."""
    row = scheduled.heartbeat
    delay_seconds = start_delay_of(row) // timedelta(seconds=1)
    request = RunRequest(row.uuid, row.version, gated=row.gate is not None, delay_seconds=delay_seconds)
    return Schedule(
        action=ScheduleActionStartWorkflow(
            AGENT_RUN,
            args=request.arguments,
            id=row.uuid,
            task_queue=settings.task_queue,
            static_summary=run_summary(scheduled.bot_name, row.prompt),
            priority=priority(scheduled, settings),
            # Not the schedule's own memo: that one stays as it was created (server 1.32 refuses to update it, and the
            # SDK's update cannot carry one), so after an edit it would lie. This one is part of what is put.
            memo=memo(row),
        ),
        spec=spec(row, now),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        state=ScheduleState(paused=not row.enabled, note=note(row)),
    )


def spec(row: Heartbeat, now: datetime) -> ScheduleSpec:
    """The cadence as calendars and intervals of Temporal's, which list the turns of the clocks from `now` on."""
    cadence = delayed(calendars.spec(cadence_of(row), now), start_delay_of(row))
    return ScheduleSpec(
        calendars=[_calendar(calendar) for calendar in cadence.calendars],
        # No offset is none, as it comes back from Temporal.
        intervals=[
            ScheduleIntervalSpec(every=interval.every, offset=interval.offset or None) for interval in cadence.intervals
        ],
        skip=[_calendar(calendar) for calendar in cadence.skip],
        start_at=cadence.start,
        end_at=cadence.end,
        time_zone_name=cadence.timezone,
    )


def _calendar(calendar: calendars.Calendar) -> ScheduleCalendarSpec:
    fields = asdict(calendar)
    second, comment = fields.pop("second"), fields.pop("comment")
    return ScheduleCalendarSpec(
        second=(ScheduleRange(second),),
        comment=comment,
        # Tuples, as they come back from Temporal.
        **{name: tuple(ScheduleRange(**part) for part in parts) for name, parts in fields.items()},
    )


def memo(row: Heartbeat) -> dict[str, object]:
    """What each run of the schedule shows of its cadence: in words, and as it was written."""
    cadence = cadence_of(row).sentence()
    if row.run_at:
        return {"cadence": cadence, "run_at": row.run_at.isoformat()}
    written = {"cron_pattern": row.cron_pattern} if row.cron_pattern else {"interval_minutes": row.interval_minutes}
    return {"cadence": cadence, **written}


def note(row: Heartbeat) -> str:
    """The line Temporal's UI shows beside the schedule: when it runs, or why it does not."""
    if row.pause_message:
        return row.pause_message
    pattern = f" ({row.cron_pattern})" if row.cron_pattern else ""
    when = f"{cadence_of(row).sentence()}{pattern}"
    return when if row.enabled else f"Not enabled. When it is: {when}"
