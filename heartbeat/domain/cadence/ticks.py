"""Which instants a cadence names. Pure: a cadence and an instant in, ticks (UTC) out.

When the clocks change, a fixed-time job in a skipped hour runs once, at the first instant after it; in a repeated
hour it runs once, the first time. A job of every so many minutes or hours runs whenever the local clock shows its time.
Intervals count real time, not local time. Active hours and days are judged by the local time of the tick itself.
cronsim agrees except where it is wrong: it loses ticks when midnight is skipped or half an hour is repeated, and loops
for ever in Chatham. So cronsim reads the pattern, and the walk over local times is our own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise, takewhile
from math import gcd
from typing import Self
from zoneinfo import ZoneInfo

from heartbeat.domain.cadence import active, cron, sentence, steps, zones
from heartbeat.domain.cadence.active import ActiveHours
from heartbeat.domain.cadence.cron import MAX_INTERVAL_MINUTES, CadenceError, Cron

# The search for a tick ends here: 29 February on a Monday comes every 28 years.
HORIZON = timedelta(days=30 * 366)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
WEEK_MINUTES = 7 * 24 * 60
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SUNDAY = datetime(2000, 1, 2)  # noqa: DTZ001 - a time on a wall


@dataclass(frozen=True)
class Cadence:
    """When a heartbeat is due: a cron pattern, an interval or once, cut by active hours ("HH:MM") and days ("1,2,3").

    An interval's ticks are every whole number of intervals before and after `anchor` (cut to the minute; without one
    2000-01-01T00:00Z), which is none itself, so an edit that keeps the anchor shifts nothing. `run_at`, a whole second,
    is the one tick of a cadence that has no other. No tick comes before `starts_at` or after `ends_at`.
    """

    timezone: str
    cron_pattern: str | None = None
    interval_minutes: int | None = None
    anchor: datetime | None = None
    active_hours_start: str | None = None
    active_hours_end: str | None = None
    active_days: str | None = None
    run_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def validated(self) -> Self:
        """Return this cadence if it is valid; raises `CadenceError` with the wrong field and what to write instead."""
        if [self.cron_pattern, self.interval_minutes, self.run_at].count(None) != 2:
            raise CadenceError("cron_pattern", "give either cron_pattern or interval_minutes, and not both")
        if self.run_at is not None and (self.run_at.tzinfo is None or self.run_at.microsecond):
            raise CadenceError("run_at", "write an instant with its offset, to the second: 2026-11-27T09:00:00+01:00")
        if self.interval_minutes is not None and not 1 <= self.interval_minutes <= MAX_INTERVAL_MINUTES:
            raise CadenceError(
                "interval_minutes", f"write a number of minutes from 1 to {MAX_INTERVAL_MINUTES} (a year)"
            )
        zones.zone(self.timezone)
        if not self._fires():
            field = "active_days" if self.active_hours_start is None else "active_hours_start"
            raise CadenceError(field, "the active hours and days cut out every tick; widen them or change the times")
        if self.starts_at and self.ends_at and self.next_after(self.starts_at - SECOND) is None:
            raise CadenceError("ends_at", "no tick comes between starts_at and ends_at; write a later one")
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        return zones.zone(self.timezone)

    @cached_property
    def pattern(self) -> Cron | None:
        return None if self.cron_pattern is None else cron.parse(self.cron_pattern)

    @cached_property
    def active(self) -> ActiveHours:
        return active.parse(self.active_hours_start, self.active_hours_end, self.active_days)

    @property
    def every(self) -> timedelta:
        """The interval; only where there is one."""
        assert self.interval_minutes is not None
        return timedelta(minutes=self.interval_minutes)

    @property
    def origin(self) -> datetime:
        """The instant an interval is counted from."""
        return (self.anchor or EPOCH).astimezone(UTC).replace(second=0, microsecond=0)

    def ticks(self, after: datetime) -> Iterator[datetime]:
        """Yield every tick later than `after`, in order, for some 30 years from then or from the beginning on.

        The work is by ticks and days, never by the minutes at which nothing is active.
        """
        after = after.astimezone(UTC)
        if self.starts_at:
            after = max(after, self.starts_at.astimezone(UTC) - SECOND)
        until = after + HORIZON
        if self.ends_at:
            until = min(until, self.ends_at.astimezone(UTC))
        # Some sources end before the instant that they are to end at.
        source = self._source(after, until + MINUTE)
        return (tick for tick in takewhile(lambda tick: tick <= until, source) if self._is_active(tick))

    def next_after(self, instant: datetime) -> datetime | None:
        """Find the first tick later than `instant`; `None` if none comes in some 30 years."""
        return next(self.ticks(instant), None)

    def between(self, start_exclusive: datetime, end_inclusive: datetime) -> list[datetime]:
        """List the ticks later than the start and not later than the end."""
        return list(takewhile(lambda tick: tick <= end_inclusive, self.ticks(start_exclusive)))

    def is_tick(self, instant: datetime) -> bool:
        """Tell whether `instant` is one of the ticks."""
        if (self.starts_at and instant < self.starts_at) or (self.ends_at and instant > self.ends_at):
            return False
        if self.run_at is not None:
            return instant == self.run_at and self._is_active(instant)
        if instant.second or instant.microsecond or not self._is_active(instant):
            return False
        if self.pattern is None:
            return instant != self.origin and (instant - self.origin) % self.every == timedelta(0)
        local = instant.astimezone(self.zone)
        if self.pattern.shows(local):
            return not (self.pattern.fixed_time and local.fold)
        return self.pattern.fixed_time and self._ends_a_gap(self.pattern, instant)

    def shortest_gap(self) -> timedelta:
        """Measure the shortest time between two ticks while the clocks do not change."""
        if self.run_at is not None:
            return HORIZON
        if self.pattern is None:
            return self.every
        times = self._active_times
        days = cron.day_gap(self.pattern, self.active.weekdays) or cron.CYCLE_DAYS
        gaps = [later - earlier for earlier, later in pairwise(times)]
        return timedelta(minutes=min([*gaps, days * 24 * 60 + times[0] - times[-1]]))

    def sentence(self) -> str:
        """Say the cadence in one sentence: "At 09:00, Monday to Friday, New York time"."""
        if self.run_at is not None:
            what = sentence.of_once(zones.wall(self.run_at, self.zone))
        else:
            what = sentence.of_interval(self.every) if self.pattern is None else sentence.of_pattern(self.pattern)
        bounds = sentence.of_bounds(*self.walls)
        return ", ".join([what, *sentence.of_active(self.active), *bounds, sentence.of_zone(self.timezone)])

    @property
    def walls(self) -> tuple[datetime | None, datetime | None]:
        """The local times of `starts_at` and `ends_at`."""
        start, end = (zones.wall(bound, self.zone) if bound else None for bound in (self.starts_at, self.ends_at))
        return start, end

    def warnings(self) -> list[str]:
        """Say what of the pattern may mean something else than it seems to."""
        return [] if self.pattern is None else steps.warnings(self.pattern)

    def _is_active(self, instant: datetime) -> bool:
        return self.active.always or self.active.at(zones.wall(instant, self.zone))

    def _source(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the ticks from later than `after` to `until`, and perhaps some that are not active."""
        if self.run_at is not None:
            return iter([tick for tick in (self.run_at.astimezone(UTC),) if tick > after])
        if self.pattern is None:
            return self._interval_ticks(after, until)
        return (self._once if self.pattern.fixed_time else self._by_the_wall)(after, until)

    def _interval_ticks(self, after: datetime, until: datetime) -> Iterator[datetime]:
        number = (after - self.origin) // self.every + 1
        while (tick := self.origin + number * self.every) <= until:
            active = self._is_active(tick)
            if active and number:
                yield tick
            following = number + 1
            number = following if active else max(following, -((self.origin - self._opening(tick)) // self.every))

    def _opening(self, instant: datetime) -> datetime:
        """Find an instant before which nothing later than `instant`, which is not active, is active either."""
        opening = zones.first_instant(self.active.next_opening(zones.wall(instant, self.zone)), self.zone)
        # Clocks that are put back may lead into the active hours once more.
        transition = next(zones.transitions_between(self.zone, instant, opening), None)
        return transition.at if transition else opening

    def _once(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield each time of the pattern once: when it first comes, or at the end of the gap that skips it."""
        for wall in cron.walls(self._times_on, zones.wall(after, self.zone), zones.wall(until, self.zone)):
            tick = zones.first_instant(wall, self.zone)
            if tick > after:
                yield tick
                after = tick

    def _by_the_wall(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield every instant at which the local time is one of the pattern's."""
        for start, end, ahead in zones.stretches(self.zone, after, until):
            walls = cron.walls(self._times_on, start.replace(tzinfo=None) + ahead, end.replace(tzinfo=None) + ahead)
            yield from (tick for wall in walls if (tick := (wall - ahead).replace(tzinfo=UTC)) > start)

    def _times_on(self, day: date) -> Sequence[int]:
        """Return the pattern's minutes of a day that can be active."""
        assert self.pattern is not None
        if not self.pattern.falls_on(day):
            return ()
        if self.pattern.fixed_time and day in zones.gap_days(self.zone, day.year):
            # What is skipped comes later, at another local time.
            return self.pattern.times
        return self._active_times if self.active.on(day) else ()

    @cached_property
    def _active_times(self) -> tuple[int, ...]:
        assert self.pattern is not None
        return tuple(minute for minute in self.pattern.times if self.active.at_minute(minute))

    def _ends_a_gap(self, pattern: Cron, instant: datetime) -> bool:
        """Tell whether the clocks jump at `instant` over a time of the pattern."""
        transition = zones.transition_at(self.zone, instant.astimezone(UTC))
        return transition is not None and transition.by > timedelta(0) and pattern.any_between(*transition.walls)

    def _fires(self) -> bool:
        """Tell whether there is any tick at all."""
        if self.run_at is not None:
            return self._is_active(self.run_at)
        return self._pattern_fires(self.pattern) if self.pattern else self._interval_fires()

    def _pattern_fires(self, pattern: Cron) -> bool:
        days = cron.day_gap(pattern, self.active.weekdays)
        return days is not None and bool(self._active_times)

    def _interval_fires(self) -> bool:
        """Tell whether any tick is active, with any of the offsets that the zone has in a year."""
        if self.active.always:
            return True
        offsets = {transition.after for transition in zones.transitions(self.zone, self.origin.year)} | {
            zones.offset(self.origin, self.zone)
        }
        minutes = self.every // MINUTE
        starts = [(self.origin.replace(tzinfo=None) + ahead - SUNDAY) // MINUTE for ahead in offsets]
        places = {
            (start + count * minutes) % WEEK_MINUTES
            for start in starts
            for count in range(WEEK_MINUTES // gcd(WEEK_MINUTES, minutes))
        }
        return any(self.active.at(SUNDAY + place * MINUTE) for place in places)
