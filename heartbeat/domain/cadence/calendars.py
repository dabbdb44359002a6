"""A cadence as what a Temporal Schedule can hold: calendars and intervals to fire at, calendars to skip. Pure.

The Schedule must fire at every tick; what it fires beside them is dropped before a run opens, by `Cadence.is_tick`.
Measured on server 1.32, its calendars
- never fire in a skipped hour;
- fire twice in a repeated hour west of Greenwich (the second is dropped);
- east of it, London included, miss a repeated hour's first pass and most of what follows, for up to two hours more;
- take a day whose midnight is skipped, west of Greenwich (Havana, Santiago), for the weekday before.
So around every change of the clocks, this year and YEARS_AHEAD more, ticks are named by date. Upkeep puts them anew.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import chain, pairwise

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


EVERY_DAY = (Range(1, 31),), (Range(1, 12),), (Range(0, 6),)


@dataclass(frozen=True)
class Calendar:
    """Matches a local time whose every field is in one of its ranges. No `year` is every year; Sunday is 0."""

    minute: tuple[Range, ...]
    hour: tuple[Range, ...]
    day_of_month: tuple[Range, ...] = (Range(1, 31),)
    month: tuple[Range, ...] = (Range(1, 12),)
    day_of_week: tuple[Range, ...] = (Range(0, 6),)
    year: tuple[Range, ...] = ()
    comment: str | None = None
    second: int = 0

    @property
    def names_no_day(self) -> bool:
        """Whether it is about times of every day."""
        return not self.year and (self.day_of_month, self.month, self.day_of_week) == EVERY_DAY


@dataclass(frozen=True)
class Interval:
    """Fires at the Unix epoch plus `offset` plus any whole number of `every`."""

    every: timedelta
    offset: timedelta


@dataclass(frozen=True)
class Spec:
    """Fires from `start` to `end` when a calendar or an interval matches, but not when a calendar of `skip` does."""

    calendars: tuple[Calendar, ...]
    intervals: tuple[Interval, ...]
    timezone: str
    skip: tuple[Calendar, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


def spec(cadence: Cadence, now: datetime) -> Spec:
    """Translate a cadence for its Schedule. The result changes with `now` only when a year begins."""
    calendars, intervals = _firing(cadence, now.astimezone(UTC).year)
    skip = tuple(_inactive(cadence.active))
    return Spec(tuple(calendars), tuple(intervals), cadence.timezone, skip, cadence.starts_at, cadence.ends_at)


def _firing(cadence: Cadence, year: int) -> tuple[list[Calendar], list[Interval]]:
    pattern = cadence.pattern
    if cadence.run_at is not None:
        return [], [_interval(EVERY_10000_DAYS, cadence.run_at)]
    if pattern is None:
        return [], [_interval(cadence.every, cadence.origin)]
    years = range(year, year + YEARS_AHEAD + 1)
    transitions = [*chain.from_iterable(zones.transitions(cadence.zone, each) for each in years)]
    if _is_hourly(pattern) and all(transition.by % HOUR == NOTHING for transition in transitions):
        return [], _hourly(pattern, zones.offset(datetime(year, 1, 1, tzinfo=UTC), cadence.zone))
    dated = chain.from_iterable(_dated_calendars(cadence, pattern, transition) for transition in transitions)
    missed = chain.from_iterable(_missed_ticks(cadence, pattern, transition) for transition in transitions)
    return [*_calendars(pattern), *dated], [_interval(EVERY_10000_DAYS, tick) for tick in missed]


def _interval(every: timedelta, through: datetime) -> Interval:
    return Interval(every, (through - UNIX_EPOCH) % every)


def _is_hourly(pattern: Cron) -> bool:
    """Tell whether the pattern names the same minutes of every hour: changes by whole hours do not matter to it."""
    return not pattern.fixed_time and pattern.hours == EVERY_HOUR and days.of_pattern(pattern) == [days.Days()]


def _hourly(pattern: Cron, ahead: timedelta) -> list[Interval]:
    """Build the fewest intervals for the same minutes of every hour: `*/5 * * * *` is one."""
    minutes = {(minute - ahead // MINUTE) % 60 for minute in pattern.minutes}
    period = next(size for size in range(1, 61) if 60 % size == 0 and {(m + size) % 60 for m in minutes} == minutes)
    return [Interval(period * MINUTE, minute * MINUTE) for minute in sorted(minutes) if minute < period]


def _calendars(pattern: Cron) -> Iterator[Calendar]:
    """Build the calendars that are right except around changes of the clocks."""
    for part in days.of_pattern(pattern):
        yield Calendar(
            minute=ranges(pattern.minutes),
            hour=ranges(pattern.hours),
            day_of_month=ranges(part.days),
            month=ranges(part.months),
            day_of_week=ranges(part.weekdays),
            year=COMMON_YEARS if part.common_years else (),
        )


def _dated_calendars(cadence: Cadence, pattern: Cron, transition: ZoneTransition) -> Iterator[Calendar]:
    """Build by date the tick that makes up for a skipped hour, and a day that Temporal takes for another."""
    if transition.by <= NOTHING:
        return
    skipped, resumed = transition.walls
    if cadence.is_tick(transition.at) and not pattern.shows(resumed):
        comment = f"{skipped:%H:%M} to {resumed:%H:%M} is skipped on {resumed:%Y-%m-%d}"
        yield _calendar_on(resumed, {resumed.minute}, {resumed.hour}, comment)
    west_at_midnight = transition.before < NOTHING and skipped <= datetime.combine(resumed, time()) < resumed
    if west_at_midnight and pattern.names_weekdays and pattern.falls_on(resumed.date()):
        yield _calendar_on(resumed, pattern.minutes, pattern.hours, f"midnight is skipped on {resumed:%Y-%m-%d}")


def _calendar_on(day: datetime, minutes: Iterable[int], hours: Iterable[int], comment: str) -> Calendar:
    return Calendar(
        minute=ranges(minutes),
        hour=ranges(hours),
        day_of_month=ranges({day.day}),
        month=ranges({day.month}),
        year=ranges({day.year}),
        comment=comment,
    )


def _missed_ticks(cadence: Cadence, pattern: Cron, transition: ZoneTransition) -> list[datetime]:
    """List the ticks around a transition that calendars miss, if the pattern names a skipped or repeated time."""
    if not pattern.any_between(*transition.walls):
        return []
    if transition.by > NOTHING:
        # A gap that is no whole hours leaves part of an hour, in which calendars name the wrong instants.
        whole = transition.by % HOUR == NOTHING and transition.walls[0].minute == 0
        return [] if whole else cadence.between(transition.at - MINUTE, transition.at + HOUR)
    if transition.after < NOTHING and transition.by == -HOUR:
        return []
    return cadence.between(transition.at + transition.by - MINUTE, transition.at - transition.by + HOUR)


def _inactive(active: ActiveHours) -> Iterator[Calendar]:
    """Build calendars of the inactive times: one for all hours with the same minutes, and one for the days."""
    if active.always:
        return
    hours_of: dict[frozenset[int], list[int]] = {}
    for hour in EVERY_HOUR:
        minutes = frozenset(minute for minute in EVERY_MINUTE if not active.at_minute(hour * 60 + minute))
        hours_of.setdefault(minutes, []).append(hour)
    for minutes, hours in hours_of.items():
        if minutes:
            yield Calendar(ranges(minutes), ranges(hours), comment="outside the active hours")
    if inactive_days := EVERY_WEEKDAY - active.weekdays:
        all_day = ranges(EVERY_MINUTE), ranges(EVERY_HOUR)
        yield Calendar(*all_day, day_of_week=ranges(inactive_days), comment="outside the active days")


def ranges(numbers: Iterable[int]) -> tuple[Range, ...]:
    """Write numbers as one range if they are evenly spaced, else as runs of neighbours."""
    ordered = sorted(numbers)
    steps = {later - earlier for earlier, later in pairwise(ordered)}
    if len(steps) <= 1:
        return (Range(ordered[0], ordered[-1], *steps),)
    starts = [number for number in ordered if number - 1 not in ordered]
    ends = [number for number in ordered if number + 1 not in ordered]
    return tuple(Range(start, end) for start, end in zip(starts, ends, strict=True))
