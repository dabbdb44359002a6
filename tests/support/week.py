"""A heartbeat that lives on a clock of its own: its ticks, Upkeep and its person's inbox, over real Temporal."""

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection, select
from sqlmodel import SQLModel
from standardwebhooks import Webhook
from temporalio.client import ScheduleBackfill
from temporalio.service import RPCError, RPCStatusCode

import worker
from heartbeat.domain.contracts import UPKEEP
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats.missed_ticks import silent
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.notifications.events import MISSED
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event, Notification
from heartbeat.store.tables.runs import Approval, Run
from tests.support.patience import until
from tests.support.receiver import Receiver
from tests.support.store_world import SECRET
from tests.support.world import World

T = TypeVar("T", bound=SQLModel)
ROME = ZoneInfo("Europe/Rome")
# Of 2026 both begin with a Sunday. The real clock is in the other one, so that no schedule fires by it.
MONTH, NUMBER = ("March", 3) if datetime.now(UTC).month != 3 else ("November", 11)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# It comes every minute; here where there may be something to do, and twice a day.
UPKEEP_COMES = timedelta(minutes=2)
UPKEEP_AFTER = (0, 12)
# What no run told of is left to Upkeep, which waits so long.
UPKEEPS_OWN = timedelta(seconds=60)


def at(day: str, time: str) -> datetime:
    """A moment of the week: "Tue", "10:30", in Rome."""
    hour, minute = map(int, time.split(":"))
    return datetime(2026, NUMBER, 2 + DAYS.index(day), hour, minute, tzinfo=ROME).astimezone(UTC)


@dataclass
class Clock:
    """The time of the week, where the test has put it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Letter:
    """A message that came: when, under which id, and what it says."""

    when: datetime
    uuid: str
    payload: dict[str, Any]

    def __str__(self) -> str:
        """What a person sees of it on a telephone: the title and the first line."""
        data = self.payload["data"]
        local = self.when.astimezone(ROME)
        when = f"{DAYS[local.weekday()]} {local:%H:%M}"
        lines = [f"{when} {self.payload['type']}", data["title"], data["message"]]
        return "\n    ".join(line.partition("\n")[0] for line in lines)


@dataclass
class Week:
    """A world whose time the test moves; `inbox` is what its person has received."""

    world: World
    clock: Clock
    receiver: Receiver
    page: httpx.AsyncClient
    inbox: list[Letter] = field(default_factory=list)
    _upkeep_at: list[datetime] = field(default_factory=list)
    _worker: contextlib.AsyncExitStack | None = None

    async def begin(self) -> None:
        """Have workers, as from now on."""
        self._worker = contextlib.AsyncExitStack()
        world = self.world
        await self._worker.enter_async_context(
            worker.running_worker(world.client, world.database, world.settings, now=self.clock)
        )
        self._upkeep_at += [self.clock.now + wait for wait in (timedelta(), UPKEEP_COMES)]
        await self._settled()

    async def end(self) -> None:
        """Have none any more."""
        assert self._worker is not None
        await self._worker.aclose()
        self._worker = None

    async def comes_to(self, moment: datetime, clocks: bool = True) -> None:
        """Live until then: each tick, each Upkeep and each probe at its time. Without `clocks` Temporal is away."""
        while due := await self._next(moment, clocks):
            when, heartbeat = due
            if heartbeat is None:
                self.clock.now = when
                await self._upkeep()
            else:
                await self._tick(heartbeat, when)
            await self._settled(owing=heartbeat is not None)
        self.clock.now = moment

    async def _next(self, before: datetime, clocks: bool) -> tuple[datetime, Heartbeat | None] | None:
        """What comes next, if anything does: a heartbeat's tick, or Upkeep."""
        rows, now = await self._heartbeats(), self.clock.now
        coming: list[tuple[datetime, Heartbeat | None]] = []
        if clocks:
            ticks = [(cadence_of(row).next_after(now), row) for row in rows if row.enabled]
            coming += [(tick, row) for tick, row in ticks if tick is not None]
        if self._worker is not None:
            coming += [(when, None) for when in self._upkeep_at]
            coming += [(row.probe_at, None) for row in rows if row.probe_at is not None]
        first = min(coming, key=lambda it: it[0], default=None)
        return first if first is not None and first[0] < before else None

    async def _tick(self, row: Heartbeat, tick: datetime) -> None:
        """The schedule's own: it skips what it would skip, and gives the run its id and its time."""
        # A run begins some seconds late, and never as late as the day before.
        self.clock.now = tick + timedelta(seconds=40 - tick.day)
        if tick.astimezone(ROME).hour in UPKEEP_AFTER:
            self._upkeep_at.append(tick + UPKEEP_COMES)
        schedule = self.world.client.get_schedule_handle(row.uuid)
        before = await self._actions(row.uuid)
        await schedule.backfill(ScheduleBackfill(start_at=tick, end_at=tick))
        await until(partial(self._actions, row.uuid), lambda count: count is None or count == (before or 0) + 1)

    async def _actions(self, uuid: str) -> int | None:
        """How many ticks the schedule started or skipped; `None` when it is gone, as that of a task that is done."""
        try:
            info = (await self.world.client.get_schedule_handle(uuid).describe()).info
        except RPCError as problem:
            if problem.status != RPCStatusCode.NOT_FOUND:
                raise
            return None
        return info.num_actions + info.num_actions_skipped_overlap

    async def _upkeep(self) -> None:
        self._upkeep_at = [when for when in self._upkeep_at if when > self.clock.now]
        await self.world.client.execute_workflow(
            UPKEEP, id=new_id("upkeep"), task_queue=self.world.settings.task_queue, result_type=dict
        )

    async def _settled(self, owing: bool = True) -> None:
        """Wait until all that has to happen now has happened, and read what came. Only Upkeep leaves nothing owed."""
        if self._worker is not None:
            await until(partial(self._under_way, owing), lambda busy: not busy)
        for came in self.receiver.received[len(self.inbox) :]:
            payload = Webhook(SECRET).verify(came.body, came.headers)
            self.inbox.append(Letter(self.clock.now, came.headers["webhook-id"], payload))

    async def _under_way(self, owing: bool) -> list[str]:
        """What is not done yet: runs, but for those that wait for a person, probes, schedules and messages."""
        # First: of a run that asks only after the messages were looked at, its message would be missed.
        waiting = await self.world.database.read(_waiting)
        busy = await self.world.database.read(partial(_unfinished, now=self.clock.now))
        if not owing:
            busy += await self.world.database.read(lambda c: silent(c, self.clock.now, 10))
        if not busy:
            busy = [row.uuid for row in await self._heartbeats() if await self.world.schedules.is_busy(row.uuid)]
        return [uuid for uuid in busy if uuid not in waiting]

    async def rows(self, table: type[T]) -> list[T]:
        """All there are of a table."""
        return await self.world.database.read(lambda c: many(c, table, select(columns(table))))

    async def _heartbeats(self) -> list[Heartbeat]:
        return [row for row in await self.rows(Heartbeat) if row.deleted_at is None]

    async def answers(self, link: str, decision: str) -> None:
        """The person opens a link, reads the page and presses a button."""
        address, _, token = link.partition("?token=")
        page = await self.page.get(link)
        assert page.status_code == 200, page.text
        assert "the plumber" in page.text
        form = {"token": token, "decision": decision}
        answer = await self.page.post(address, data=form, headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 200, answer.text
        self._upkeep_at.append(self.clock.now + UPKEEP_COMES)
        await self._settled()


def _waiting(connection: Connection) -> set[str]:
    """The heartbeats of which a run waits for a person."""
    run, approval, heartbeat = columns(Run), columns(Approval), columns(Heartbeat)
    of_run = approval.join(run, run.c.id == approval.c.run_id).join(heartbeat, heartbeat.c.id == run.c.heartbeat_id)
    return set(connection.scalars(select(heartbeat.c.uuid).select_from(of_run).where(approval.c.state == "pending")))


def _unfinished(connection: Connection, now: datetime) -> list[str]:
    run, approval, heartbeat = columns(Run), columns(Approval), columns(Heartbeat)
    message, event = columns(Notification), columns(Event)
    waiting = select(approval.c.run_id).where(approval.c.state == "pending")
    pending = message.join(event, event.c.id == message.c.event_id)
    late = (event.c.kind != MISSED) | (message.c.next_attempt_at < now - UPKEEPS_OWN)
    statements = (
        select(run.c.uuid).where(run.c.status == "running", run.c.id.not_in(waiting)),
        select(heartbeat.c.uuid).where(heartbeat.c.probe_at <= now),
        select(heartbeat.c.uuid).where(heartbeat.c.synced_version < heartbeat.c.version),
        select(message.c.uuid).select_from(pending).where(message.c.next_attempt_at <= now, late),
    )
    return [it for one in statements for it in connection.scalars(one)]
