"""A cadence as what a Temporal Schedule can hold: calendars and intervals to fire at, calendars to skip. Pure.

The Schedule must fire at every tick; what it fires beside them is cut at the gate, by `Cadence.is_tick`. Measured on
server 1.32, its calendars
- never fire in a skipped hour;
- fire twice in a repeated hour west of Greenwich (the gate cuts the second);
- east of it, London included, miss a repeated hour's first pass and most of what follows, for up to two hours more;
- take a day whose midnight is skipped, west of Greenwich (Havana, Santiago), for the weekday before.
So around every turn of the clocks, this year and YEARS_AHEAD more, ticks are named by date. Upkeep puts them anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from heartbeat.domain.cadence import days, zones
from heartbeat.domain.cadence.active import ActiveHours
from heartbeat.domain.cadence.cron import EVERY_WEEKDAY, Cron
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.cadence.zones import ZoneTransition

MINUTE, HOUR, NOTHING = timedelta(minutes=1), timedelta(hours=1), timedelta(0)
YEARS_AHEAD = 2
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERY_MINUTE, EVERY_HOUR = frozenset(range(60)), frozenset(range(24))
# An interval that names one instant: the next is 27 years away. The odd second keeps any server from taking it for a
# number of calendar days. An instant less than one interval after 1970 would be passed over: 1.32 rounds towards zero.
EVERY_10000_DAYS = timedelta(days=10_000, seconds=1)


@dataclass(frozen=True)
class Range:
    """From `start` to `end`, both included, in steps."""

    start: int
    end: int
    step: int = 1


# Temporal knows the years 2000 to 2100; 2100 is no leap year.
COMMON_YEARS = (Range(2001, 2097, 4), Range(2002, 2098, 4), Range(2003, 2099, 4), Range(2100, 2100))


@dataclass(frozen=True)
class Calendar:
    """Matches when each field of the wall's time is in one of its ranges. No `year` is every year; Sunday is 0."""

    minute: tuple[Range, ...]
    hour: tuple[Range, ...]
    day_of_month: tuple[Range, ...] = (Range(1, 31),)
    month: tuple[Range, ...] = (Range(1, 12),)
    day_of_week: tuple[Range, ...] = (Range(0, 6),)
    year: tuple[Range, ...] = ()
    comment: str | None = None


@dataclass(frozen=True)
class Interval:
    """Fires at the Unix epoch plus `offset` plus any whole number of `every`."""

    every: timedelta
    offset: timedelta


@dataclass(frozen=True)
class Spec:
    """Fires when a calendar or an interval matches, but not when a calendar of `skip` does."""

    calendars: tuple[Calendar, ...]
    intervals: tuple[Interval, ...]
    timezone: str
    skip: tuple[Calendar, ...] = ()


def spec(cadence: Cadence, now: datetime) -> Spec:
    """What to put on the Schedule. It changes with `now` only when a year begins."""
    calendars, intervals = _fire(cadence, now.astimezone(UTC).year)
    return Spec(tuple(calendars), tuple(intervals), cadence.timezone, tuple(_inactive(cadence.active)))


def _fire(cadence: Cadence, year: int) -> tuple[list[Calendar], list[Interval]]:
    pattern = cadence.pattern
    if cadence.run_at is not None:
        return [], [_interval(EVERY_10000_DAYS, cadence.run_at)]
    if pattern is None:
        return [], [_interval(cadence.every, cadence.origin)]
    turns = [turn for ahead in range(YEARS_AHEAD + 1) for turn in zones.turns(cadence.zone, year + ahead)]
    if _is_hourly(pattern) and all(turn.by % HOUR == NOTHING for turn in turns):
        return [], _hourly(pattern, zones.offset(datetime(year, 1, 1, tzinfo=UTC), cadence.zone))
    dated = [calendar for turn in turns for calendar in _dated(cadence, pattern, turn)]
    once = [_interval(EVERY_10000_DAYS, tick) for turn in turns for tick in _missed(cadence, pattern, turn)]
    return [*_calendars(pattern), *dated], once


def _interval(every: timedelta, through: datetime) -> Interval:
    return Interval(every, (through - UNIX_EPOCH) % every)


def _is_hourly(pattern: Cron) -> bool:
    """Whether the pattern names the same minutes of every hour there is: clocks turned by whole hours do not matter."""
    return not pattern.fixed_time and pattern.hours == EVERY_HOUR and days.of_pattern(pattern) == [days.Days()]


def _hourly(pattern: Cron, ahead: timedelta) -> list[Interval]:
    """The fewest intervals for the same minutes of every hour: `*/5 * * * *` is one."""
    minutes = {(minute - ahead // MINUTE) % 60 for minute in pattern.minutes}
    period = next(size for size in range(1, 61) if 60 % size == 0 and {(m + size) % 60 for m in minutes} == minutes)
    return [Interval(period * MINUTE, minute * MINUTE) for minute in sorted(minutes) if minute < period]


def _calendars(pattern: Cron) -> Iterator[Calendar]:
    """The pattern as it is while the clocks are left alone."""
    for part in days.of_pattern(pattern):
        yield Calendar(
            minute=_ranges(pattern.minutes),
            hour=_ranges(pattern.hours),
            day_of_month=_ranges(part.days),
            month=_ranges(part.months),
            day_of_week=_ranges(part.weekdays),
            year=COMMON_YEARS if part.common_years else (),
        )


def _dated(cadence: Cadence, pattern: Cron, turn: ZoneTransition) -> Iterator[Calendar]:
    """By date: the tick that makes up for a skipped hour, and a day Temporal takes for another."""
    if turn.by <= NOTHING:
        return
    skipped, resumed = turn.walls
    if cadence.is_tick(turn.at) and not pattern.shows(resumed):
        comment = f"{skipped:%H:%M} to {resumed:%H:%M} is skipped on {resumed:%Y-%m-%d}"
        yield _on(resumed, {resumed.minute}, {resumed.hour}, comment)
    west_at_midnight = turn.before < NOTHING and skipped <= datetime.combine(resumed, time()) < resumed
    if west_at_midnight and pattern.names_weekdays and pattern.falls_on(resumed.date()):
        yield _on(resumed, pattern.minutes, pattern.hours, f"midnight is skipped on {resumed:%Y-%m-%d}")


def _on(day: datetime, minutes: Iterable[int], hours: Iterable[int], comment: str) -> Calendar:
    return Calendar(
        minute=_ranges(minutes),
        hour=_ranges(hours),
        day_of_month=_ranges({day.day}),
        month=_ranges({day.month}),
        year=_ranges({day.year}),
        comment=comment,
    )


def _missed(cadence: Cadence, pattern: Cron, turn: ZoneTransition) -> list[datetime]:
    """The ticks around a turn that calendars do not reach, if the pattern names a time that is skipped or repeated."""
    if not pattern.any_between(*turn.walls):
        return []
    if turn.by > NOTHING:
        # A gap that is no whole hours leaves part of an hour, in which calendars name the wrong instants.
        whole = turn.by % HOUR == NOTHING and turn.walls[0].minute == 0
        return [] if whole else cadence.between(turn.at - MINUTE, turn.at + HOUR)
    if turn.after < NOTHING and turn.by == -HOUR:
        return []
    return cadence.between(turn.at + turn.by - MINUTE, turn.at - turn.by + HOUR)


def _inactive(active: ActiveHours) -> Iterator[Calendar]:
    """The times outside the active hours, one calendar for all hours with the same minutes, and the other days."""
    hours_of: dict[frozenset[int], list[int]] = {}
    for hour in EVERY_HOUR:
        minutes = frozenset(minute for minute in EVERY_MINUTE if not active.at_minute(hour * 60 + minute))
        hours_of.setdefault(minutes, []).append(hour)
    for minutes, hours in hours_of.items():
        if minutes:
            yield Calendar(_ranges(minutes), _ranges(hours), comment="outside the active hours")
    if idle := EVERY_WEEKDAY - active.weekdays:
        every = _ranges(EVERY_MINUTE), _ranges(EVERY_HOUR)
        yield Calendar(*every, day_of_week=_ranges(idle), comment="outside the active days")


def _ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """The numbers as one range if they are evenly spaced, else as runs of neighbours."""
    rest = sorted(numbers)
    steps = {later - earlier for earlier, later in pairwise(rest)}
    if len(steps) <= 1:
        return (Range(rest[0], rest[-1], *steps),)
    starts = [number for number in rest if number - 1 not in rest]
    ends = [number for number in rest if number + 1 not in rest]
    return tuple(Range(start, end) for start, end in zip(starts, ends, strict=True))
