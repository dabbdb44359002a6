"""The time that all processes share is the database's: a process whose own clock is wrong must not act by it.

Whether it is wrong is told by two other clocks, the database's and Temporal's.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from temporalio.api.workflowservice.v1 import PollActivityTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from heartbeat.domain.clock import Clock, offset, utc_now
from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.clock import database_offset
from heartbeat.store.database.database import Database
from heartbeat.temporal.client import RPC_TIMEOUT
from heartbeat.temporal.process import in_background
from heartbeat.temporal.workers import CLOCK_KIND, CLOCK_QUEUE, last_polls

log = logging.getLogger(__name__)

# It also is how others tell that this process lives (`workers_by_role`).
MEASURE_SECONDS = 15.0
# A clock that is further off than this is wrong, and somebody has to hear of it.
MAX_OFFSET = timedelta(seconds=2)
# As long as a worker's poll: a server logs one that is shorter.
POLL_TIMEOUT = timedelta(seconds=60)
LOOK_AGAIN_SECONDS = 0.02
# What goes on whatever anybody sets the time to, also while a machine sleeps.
UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SharedClock:
    """A `Clock` that shows the database's time: this process's own, put right by what it was off when last measured.

    If its own was set to another time since, it goes on from that measurement by what has passed.

    `database_offset` and `temporal_offset` are how far those are ahead of it; `None` where Temporal never told.
    """

    def __init__(self, database: Database, client: Client, own: Clock = utc_now) -> None:
        self._database = database
        self._client = client
        self._own = own
        self.database_offset = timedelta()
        self.temporal_offset: timedelta | None = None
        self._database_compared_to = self._temporal_compared_to = _started(own)

    def __call__(self) -> datetime:
        return self._as_compared_to(self._database_compared_to) + self.database_offset

    def temporal_time(self) -> datetime:
        """Return Temporal's time, as far as that ever told."""
        return self._as_compared_to(self._temporal_compared_to) + (self.temporal_offset or timedelta())

    @property
    def differs_from_temporal(self) -> bool:
        return _is_wrong(self.temporal_offset or timedelta())

    @property
    def warning(self) -> str | None:
        """What is to be said of a clock that is wrong; `None` for one that is right."""
        offsets = {"the database's": self.database_offset, "Temporal's": self.temporal_offset}
        differences = [f"{describe(ahead)} {whose}" for whose, ahead in offsets.items() if ahead and _is_wrong(ahead)]
        if not differences:
            return None
        return f"The clock of this process is {' and '.join(differences)}: set it right, best with NTP."

    async def measure(self) -> None:
        """Compare the clocks anew; a database or a Temporal that is away leaves the last result."""
        await asyncio.gather(self._measure_database(), self._measure_temporal())

    def _as_compared_to(self, started: datetime) -> datetime:
        """What its own clock would show had nobody set it since the machine's start was `started` by it."""
        now = self._own()
        as_it_went_on = started + _uptime()
        return as_it_went_on if _is_wrong(now - as_it_went_on) else now

    def _was_set_since(self, started: datetime) -> bool:
        return _is_wrong(_started(self._own) - started)

    async def _measure_database(self) -> None:
        started = _started(self._own)
        with suppress(Unavailable):
            measured = await self._database.read(database_offset, self._own)
            if not self._was_set_since(started):
                self.database_offset, self._database_compared_to = measured, started

    async def _measure_temporal(self) -> None:
        started = _started(self._own)
        # Also where it refuses a poll or has no such request: that must keep nothing from its work.
        with suppress(RPCError, RuntimeError, TimeoutError):
            async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
                measured = await _temporal_offset(self._client, self._own)
                if not self._was_set_since(started):
                    self.temporal_offset, self._temporal_compared_to = measured, started


async def temporal_time(client: Client, own: Clock = utc_now) -> datetime:
    """Ask Temporal for its time; that of `own` where it does not tell."""
    with suppress(RPCError, RuntimeError, TimeoutError):
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            return own() + await _temporal_offset(client, own)
    return own()


def _started(own: Clock) -> datetime:
    """When the machine started, by this clock: another time once it is set."""
    return own() - _uptime()


def _uptime() -> timedelta:
    return timedelta(seconds=time.clock_gettime(UPTIME))


def _is_wrong(ahead: timedelta) -> bool:
    return abs(ahead) > MAX_OFFSET


def describe(ahead: timedelta) -> str:
    """Say where a clock stands beside one that is `ahead` of it."""
    return f"{abs(ahead).total_seconds():.0f} s {'behind' if ahead > timedelta() else 'ahead of'}"


@asynccontextmanager
async def measuring(clock: SharedClock) -> AsyncIterator[None]:
    """Measure a clock, and again and again for as long as the body runs; log when it turns out wrong."""
    await _measure(clock)
    async with in_background(_measure_again(clock)):
        yield


async def _measure_again(clock: SharedClock) -> None:
    while True:
        await asyncio.sleep(MEASURE_SECONDS)
        await _measure(clock)


async def _measure(clock: SharedClock) -> None:
    before = clock.warning
    await clock.measure()
    if clock.warning and not before:
        log.error(clock.warning)


async def _temporal_offset(client: Client, own: Clock) -> timedelta:
    """How far Temporal's clock is ahead of `own`; raises `RPCError`, and `RuntimeError` when it cannot be reached.

    No answer of Temporal's has the time in it, but of each poller of a task queue it notes when it came. So this polls
    one and looks up when that was. Nothing is left in any history.
    """
    before = own()
    last = await _last_poll(client)
    request = PollActivityTaskQueueRequest(namespace=client.namespace, task_queue=CLOCK_QUEUE, identity=client.identity)
    poll = asyncio.ensure_future(client.workflow_service.poll_activity_task_queue(request, timeout=POLL_TIMEOUT))
    try:
        while (time := await _last_poll(client)) in (None, last):
            if poll.done():
                poll.result()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        assert time is not None
        return offset(before, time, own())
    finally:
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)


async def _last_poll(client: Client) -> datetime | None:
    """When this process polled last, by Temporal's clock."""
    return (await last_polls(client, CLOCK_QUEUE, CLOCK_KIND)).get(client.identity)
