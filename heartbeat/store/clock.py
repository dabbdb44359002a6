"""The time that all processes share is the database's: a process whose own clock is wrong must not act by it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.errors import Unavailable
from heartbeat.store.database import Database

log = logging.getLogger(__name__)

MEASURE_SECONDS = 30.0
# A clock that is further off than this is wrong, and somebody has to hear of it.
MAX_OFFSET = timedelta(seconds=2)


def database_time(connection: Connection) -> datetime:
    """Return the database's time. A SQLite file has no clock but that of its machine."""
    if connection.dialect.name == "sqlite":
        return utc_now()
    time: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return time.astimezone(UTC)


class DatabaseClock:
    """A `Clock` that shows the database's time: this process's own, put right by what it was off when last measured."""

    def __init__(self, database: Database, own: Clock = utc_now) -> None:
        self._database = database
        self._own = own
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return self._own() + self.offset

    @property
    def warning(self) -> str | None:
        """What is to be said of a clock that is wrong; `None` for one that is right."""
        if abs(self.offset) <= MAX_OFFSET:
            return None
        seconds = abs(self.offset.total_seconds())
        direction = "behind" if self.offset > timedelta() else "ahead of"
        return f"The clock of this process is {seconds:.0f} s {direction} the database's: set it right, best with NTP."

    async def measure(self) -> None:
        """Compare the clocks anew; a database that is away leaves the last result."""
        with suppress(Unavailable):
            self.offset = await self._database.read(_offset, self._own)


@asynccontextmanager
async def measuring(clock: DatabaseClock) -> AsyncIterator[None]:
    """Measure a clock, and again every half minute for as long as the body runs; log when it turns out wrong."""
    await _measure(clock)
    task = asyncio.create_task(_measure_again(clock))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _measure_again(clock: DatabaseClock) -> None:
    while True:
        await asyncio.sleep(MEASURE_SECONDS)
        await _measure(clock)


async def _measure(clock: DatabaseClock) -> None:
    before = clock.warning
    await clock.measure()
    if clock.warning and not before:
        log.error(clock.warning)


def _offset(connection: Connection, own: Clock) -> timedelta:
    """How far the own clock is behind; nothing, as long as the time that the answer took can explain it."""
    # The first statement of a transaction takes longer.
    database_time(connection)
    before = own()
    time = database_time(connection)
    after = own()
    return max(time - after, timedelta()) or min(time - before, timedelta())
