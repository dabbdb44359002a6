"""What is put right every minute, whatever was down meanwhile."""

import asyncio
import logging
from datetime import datetime

from temporalio import activity
from temporalio.client import Client

from activities.clocks import TickClock, follow
from activities.heartbeating import heartbeating
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit_newest
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.missed_ticks import silence, silent, write_off
from heartbeat.store.heartbeats.probes import due_probes
from heartbeat.store.heartbeats.project_holds import runs_to_cancel
from heartbeat.store.heartbeats.reconnects import lift_reconnect_pauses
from heartbeat.store.heartbeats.sync import (
    compare_next,
    count_living,
    lift_budget_pauses,
    long_running,
    longest_uncompared,
    mark_compared,
    unsynced,
    with_owner,
)
from heartbeat.store.notifications.outbox import overdue_notifications
from heartbeat.store.retention.pruning import Pruning
from heartbeat.store.runs.approvals import unheard
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.parks import payable_parks, unheard_parks
from heartbeat.store.runs.slots import grant_free_slots
from heartbeat.store.tables.runs import Run
from heartbeat.store.tools.connections import due_refreshes
from heartbeat.temporal.lost_runs import LostRuns
from heartbeat.temporal.reconcile import Reconciler
from heartbeat.temporal.runs import (
    cancel_runs,
    how_it_ended,
    is_open,
    start_notify,
    start_probe,
    start_tick,
    tick_id,
    wake_all,
)
from heartbeat.temporal.schedules import Schedules
from heartbeat.tool_servers.refreshing import Refresher, refresh_all

BATCH_SIZE = 200
# One request each, of which the slowest take most of a minute.
REFRESHES_AT_ONCE = 20
REFRESH_SECONDS = 120.0
WAKING_SECONDS = 60.0
AUDITED_RUNS = 2_000
# Each is a request to Temporal, and thousands may be queued or wait for a person.
OPEN_RUNS_A_MINUTE = 1_000
# Each is a request to Temporal. Those that started nothing where they should come first.
COMPARED_A_MINUTE = 20
# An orphan starts phantoms at worst, so it can wait.
ORPHANS_EVERY_MINUTES = 5
LISTED_A_MINUTE = 100
PRUNING_SECONDS = 20.0
log = logging.getLogger(__name__)


class UpkeepActivities:
    """The activities of the workflow `Upkeep`. Each does a bounded amount and returns how much it did."""

    def __init__(
        self,
        client: Client,
        database: Database,
        settings: Settings,
        schedules: Schedules,
        now: Clock = utc_now,
        tick_clock: TickClock | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._database = database
        self._schedules = schedules
        self._now = now
        self._tick_clock = tick_clock or follow(now)
        self._refresher = Refresher(database, settings, now)
        self._looked_at_run = 0
        self._pruning = Pruning(database, settings.plans)
        self._reconciler = Reconciler(client, database, schedules, now)
        self._lost_runs = LostRuns(client, database, settings.task_queue, now)

    @activity.defn
    async def lift_budget_pauses(self) -> int:
        """Enable the heartbeats whose budget is fresh again."""
        return await self._database.write(lift_budget_pauses, self._now())

    @activity.defn
    async def refresh_connections(self) -> int:
        """Keep tools signed in, also while no run is on; returns how many have new tokens."""
        due, refreshed = await self._database.read(due_refreshes, self._now(), BATCH_SIZE), 0
        latest = asyncio.get_running_loop().time() + REFRESH_SECONDS
        async with heartbeating():
            while due and asyncio.get_running_loop().time() < latest:
                refreshed += await refresh_all(self._refresher, due[:REFRESHES_AT_ONCE])
                due = due[REFRESHES_AT_ONCE:]
        return refreshed

    @activity.defn
    async def lift_reconnect_pauses(self) -> int:
        """Enable the heartbeats whose tools a person has signed in to again."""
        return await self._database.write(lift_reconnect_pauses, self._now())

    @activity.defn
    async def tell_decisions(self) -> int:
        """Wake the runs that still wait for what was decided, or for credits or slots that are there again."""
        waiting = await self._database.read(unheard, BATCH_SIZE)
        waiting += await self._database.read(unheard_parks, BATCH_SIZE)
        waiting += await self._database.read(payable_parks, self._settings.plan, self._now())
        # Also where nothing is bounded any more: then all that wait go on.
        granted = await self._database.write(grant_free_slots, self._settings.bounds(), self._now())
        waiting += [(each.workflow_id, each.step) for each in granted]
        async with heartbeating():
            return await wake_all(self._client, waiting, WAKING_SECONDS)

    @activity.defn
    async def cancel_held_runs(self) -> int:
        """Ask the runs to end that a hold of their project cancels and that nobody reached; returns how many."""
        return await cancel_runs(self._client, await self._database.read(runs_to_cancel, self._now()))

    @activity.defn
    async def check_ledger(self) -> int:
        """Say where the newest runs and their entries differ; `heartbeat doctor --ledger` looks at everything."""
        differences = await self._database.read(audit_newest, AUDITED_RUNS, self._now())
        for row in differences:
            log.error("the ledger: %s has %s %s, its entries %s", row.whose, row.column, row.balance, row.entries)
        return len(differences)

    @activity.defn
    async def follow_pending(self) -> int:
        """Put every schedule that is behind its row."""
        uuids = await self._database.read(unsynced, BATCH_SIZE)
        for heartbeat_uuid in uuids:
            activity.heartbeat()
            await self._schedules.sync(heartbeat_uuid)
        return len(uuids)

    @activity.defn
    async def reconcile(self) -> int:
        """Compare the schedules that were not looked at for the longest time; returns how many were put right."""
        rows = await self._database.read(longest_uncompared, COMPARED_A_MINUTE)
        differences = await self._reconciler.compare(rows)
        if await self._is_time_for_orphans():
            differences += await self._reconciler.orphans() + await self._lost_runs.end()
        differing = {
            difference.heartbeat_uuid: difference for difference in differences if difference.what == "differs"
        }
        for row in rows:
            if row.heartbeat.uuid in differing and not row.heartbeat.zone_differs:
                log.warning("%s is %s", row.heartbeat.uuid, differing[row.heartbeat.uuid].reason)
        uuids = [row.heartbeat.uuid for row in rows]
        await self._database.write(mark_compared, uuids, list(differing), self._now())
        return len(differences) - len(differing)

    async def _is_time_for_orphans(self) -> bool:
        """A list of all schedules is long, and is read so seldom that few of them are listed a minute."""
        minute = int(self._now().timestamp()) // 60
        if minute % ORPHANS_EVERY_MINUTES:
            return False
        fives = await self._database.read(count_living) // (LISTED_A_MINUTE * ORPHANS_EVERY_MINUTES)
        return minute // ORPHANS_EVERY_MINUTES % max(1, fives) == 0

    @activity.defn
    async def account_for_silence(self) -> int:
        """See to the ticks that should have become a run and did not; returns how many were missed for good."""
        missed = 0
        until = self._tick_clock(None)
        for heartbeat_uuid in await self._database.read(silent, until, BATCH_SIZE):
            activity.heartbeat()
            missed += await self._account_for(heartbeat_uuid, until)
        return missed

    async def _account_for(self, heartbeat_uuid: str, until: datetime) -> int:
        """Leave alone what is merely queued, run the newest lost tick if that is wanted, and write off the rest."""
        lost = await self._database.read(silence, heartbeat_uuid, until)
        if lost is None or await self._schedules.is_busy(heartbeat_uuid):
            return 0
        # Its schedule may be gone, or paused by a person in Temporal's UI.
        await self._database.write(compare_next, heartbeat_uuid)
        if lost.catch_up:
            row = await self._database.read(with_owner, lost.heartbeat)
            if await start_tick(self._client, self._settings, row, lost.catch_up):
                return 0
            # Started by an earlier Upkeep or by a write, so the schedule does not know that it is queued.
            if await is_open(self._client, tick_id(lost.heartbeat, lost.catch_up)):
                return 0
        return await self._database.write(write_off, heartbeat_uuid, until, self._now())

    @activity.defn
    async def close_lost_runs(self) -> int:
        """Close the runs whose workflow was terminated or is gone, as errors that say so."""
        closed = looked_at = 0
        while looked_at < OPEN_RUNS_A_MINUTE:
            open_runs = await self._database.read(long_running, self._now(), self._looked_at_run, BATCH_SIZE)
            activity.heartbeat()
            closed += await self._close_lost(open_runs)
            looked_at += len(open_runs)
            # Where there are more, the next minute goes on from here.
            self._looked_at_run = open_runs[-1].id if open_runs else 0
            if not open_runs:
                break
        return closed

    @activity.defn
    async def start_probes(self) -> int:
        """Try the heartbeats that paused for a passing cause and have cooled down; returns how many were started."""
        started = 0
        for heartbeat in await self._database.read(due_probes, self._now(), BATCH_SIZE):
            activity.heartbeat()
            row = await self._database.read(with_owner, heartbeat)
            started += await start_probe(self._client, self._settings, row)
        return started

    @activity.defn
    async def start_deliveries(self) -> int:
        """Start the deliveries that should be on their way and are not; returns how many were started."""
        started = 0
        for notification_uuid in await self._database.read(overdue_notifications, self._now(), BATCH_SIZE):
            activity.heartbeat()
            started += await start_notify(self._client, self._settings, notification_uuid)
        return started

    @activity.defn
    async def prune(self) -> int:
        """Remove what need not be kept any longer, as far as the time suffices; returns how many rows it was."""
        async with heartbeating():
            return await self._pruning.run(self._now(), PRUNING_SECONDS)

    async def _close_lost(self, open_runs: list[Run]) -> int:
        endings = await asyncio.gather(*(how_it_ended(self._client, run) for run in open_runs))
        lost = [(run, ending) for run, ending in zip(open_runs, endings, strict=True) if ending]
        for run, ending in lost:
            await self._database.write(close_run, run.uuid, ending, self._now())
        return len(lost)
