"""What a cadence must come to, found without the code under test: by cronsim, and by watching the clock on the wall."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from heartbeat.domain.cadence.ticks import Cadence

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Here cronsim 2.8 is wrong about jobs that follow the wall (see test_ticks): clocks turned off the full hour, on
# which it may even never return, and clocks turned at midnight.
CRONSIM_FAILS = {"Australia/Lord_Howe", "Pacific/Chatham"} | {
    "America/Havana", "America/Santiago", "America/Scoresbysund", "Atlantic/Azores", "Africa/Cairo", "Asia/Beirut"
}  # fmt: skip


def cronsim_knows(cadence: Cadence) -> bool:
    """Whether cronsim is a judge of this cadence."""
    if cadence.cron_pattern is None:
        return False
    minute, hour = cadence.cron_pattern.split()[:2]
    follows_the_wall = minute.startswith("*") or hour.startswith("*")
    return not (follows_the_wall and cadence.timezone in CRONSIM_FAILS)


def by_cronsim(cadence: Cadence, start: datetime, end: datetime) -> list[datetime]:
    """The ticks later than `start` and not later than `end`, in UTC. From within a repeated hour cronsim goes back."""
    assert cadence.cron_pattern is not None
    since = (start - 4 * HOUR).astimezone(ZoneInfo(cadence.timezone))
    ticks = takewhile(lambda tick: tick <= end, CronSim(cadence.cron_pattern, since))
    return [tick.astimezone(UTC) for tick in ticks if tick > start and active(cadence, tick)]


def by_the_wall(cadence: Cadence, start: datetime, end: datetime) -> list[datetime]:
    """The same by watching the wall minute by minute, as cron does; from earlier on, to know what it has shown."""
    return [tick for tick in _watch(cadence, start - 4 * HOUR, end) if start < tick]


def active(cadence: Cadence, wall: datetime) -> bool:
    """Whether the active hours and days let a tick pass."""
    if cadence.active_days and str(wall.isoweekday()) not in cadence.active_days.split(","):
        return False
    start, end, shown = cadence.active_hours_start, cadence.active_hours_end, wall.strftime("%H:%M")
    if start is None or end is None:
        return True
    return start <= shown < end if start < end else shown >= start or shown < end


def _watch(cadence: Cadence, start: datetime, end: datetime) -> Iterator[datetime]:
    where = ZoneInfo(cadence.timezone)
    start = start.replace(second=0, microsecond=0)
    latest = start.astimezone(where).replace(tzinfo=None)
    for instant in _minutes(start + MINUTE, end):
        wall = instant.astimezone(where).replace(tzinfo=None)
        if _is_due(cadence, instant, wall, latest) and active(cadence, wall):
            yield instant
        latest = max(latest, wall)


def _is_due(cadence: Cadence, instant: datetime, wall: datetime, latest: datetime) -> bool:
    """`latest` is the latest time the wall has shown so far."""
    if cadence.cron_pattern is None:
        assert cadence.interval_minutes is not None
        return (instant - cadence.origin) % timedelta(minutes=cadence.interval_minutes) == timedelta(0)
    read = _read(cadence.cron_pattern)
    if any(part.startswith("*") for part in cadence.cron_pattern.split()[:2]):
        return _matches(read, wall)
    return any(_matches(read, shown) for shown in _minutes(latest + MINUTE, wall))


@cache
def _read(pattern: str) -> CronSim:
    return CronSim(pattern, datetime(2000, 1, 1, tzinfo=UTC))


def _matches(read: CronSim, wall: datetime) -> bool:
    in_day = wall.minute in read.minutes and wall.hour in read.hours
    return in_day and wall.month in read.months and read.match_day(wall.date())


def _minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += MINUTE
