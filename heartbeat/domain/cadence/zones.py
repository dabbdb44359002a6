"""Time zones: their names, and the instants at which their clocks change."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from heartbeat.domain.cadence.cron import CadenceError

SECOND = timedelta(seconds=1)
# No zone changes its clocks twice within this time; the closest are Gaza's, a week apart.
SEARCH_STEP = timedelta(days=5)

# Files of the zone database that are no time zones.
NOT_ZONES = {"Factory", "localtime", "posixrules"}
# What people write although the database has no such name.
ALIASES = {
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PT": "America/Los_Angeles",
    "MDT": "America/Denver",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "EDT": "America/New_York",
    "ET": "America/New_York",
    "BST": "Europe/London",
    "CEST": "Europe/Berlin",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "AEST": "Australia/Sydney",
}


@dataclass(frozen=True)
class ZoneTransition:
    """The clocks change at `at` (UTC): until then they are `before` ahead of UTC, from then on `after`."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def by(self) -> timedelta:
        """How far the clock jumps: positive in spring (times are skipped), negative in autumn (times come twice)."""
        return self.after - self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The local times that are skipped or repeated: the first of them, and the first after them."""
        utc = self.at.replace(tzinfo=None)
        return utc + min(self.before, self.after), utc + max(self.before, self.after)


@cache
def names() -> frozenset[str]:
    return frozenset(available_timezones()) - NOT_ZONES


def zone(name: str) -> ZoneInfo:
    """Open the zone with this IANA name; raises `CadenceError` naming the closest one."""
    if name not in names():
        raise CadenceError("timezone", f"{name[:64]!r} is not a time zone; write {_advice(name[:64])}")
    return ZoneInfo(name)


def _advice(name: str) -> str:
    written = name.strip().replace(" ", "_").casefold()
    if written.upper() in ALIASES:
        return f"{ALIASES[written.upper()]!r}"
    if re.fullmatch(r"(utc|gmt)?[+-]\d.*", written):
        return "the name of a place with that offset, such as 'Europe/Berlin'"
    known = {key: full for full in sorted(names(), key=len, reverse=True) for key in _search_keys(full)}
    close = get_close_matches(written, known, n=1, cutoff=0.75)
    return f"{known[close[0]]!r}" if close else "an IANA name such as 'Europe/Berlin', 'America/New_York' or 'UTC'"


def _search_keys(name: str) -> tuple[str, str]:
    """Return what a zone is searched by: its full name and its city."""
    return name.casefold(), name.rsplit("/", 1)[-1].casefold()


def wall(instant: datetime, zone_info: ZoneInfo) -> datetime:
    """Convert `instant` to the zone's local time, without tzinfo."""
    return instant.astimezone(zone_info).replace(tzinfo=None, fold=0)


def offset(instant: datetime, zone_info: ZoneInfo) -> timedelta:
    """Measure how far the zone's clocks are ahead of UTC at `instant`."""
    ahead = instant.astimezone(zone_info).utcoffset()
    assert ahead is not None
    return ahead


@lru_cache(maxsize=8192)
def transitions(zone_info: ZoneInfo, year: int) -> tuple[ZoneTransition, ...]:
    """List every change of the zone's clocks in a year (of UTC), in order."""
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    samples = [*(new_year + number * SEARCH_STEP for number in range(73)), new_year.replace(year=year + 1)]
    offsets = [offset(sample, zone_info) for sample in samples]
    pairs = zip(pairwise(samples), pairwise(offsets), strict=True)
    return tuple(
        ZoneTransition(_transition_instant(zone_info, *span), *change)
        for span, change in pairs
        if change[0] != change[1]
    )


def _transition_instant(zone_info: ZoneInfo, start: datetime, end: datetime) -> datetime:
    """Find the first second after `start` whose offset is not that of `start`."""
    before = offset(start, zone_info)
    seconds = range((end - start) // SECOND)
    return start + SECOND * bisect_left(
        seconds, True, key=lambda second: offset(start + second * SECOND, zone_info) != before
    )


def transitions_between(zone_info: ZoneInfo, after: datetime, until: datetime) -> Iterator[ZoneTransition]:
    """Yield the transitions later than `after` and not later than `until`, in order."""
    years = range(after.year, until.year + 1)
    return (
        transition for year in years for transition in transitions(zone_info, year) if after < transition.at <= until
    )


def stretches(zone_info: ZoneInfo, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Cut the time from `after` to `until` at every transition: yield start and end, both excluded, and offset."""
    ahead = offset(after, zone_info)
    for transition in transitions_between(zone_info, after, until):
        yield after, transition.at, ahead
        after, ahead = transition.at - SECOND, transition.after
    yield after, until + SECOND, ahead


@lru_cache(maxsize=8192)
def gap_days(zone_info: ZoneInfo, year: int) -> frozenset[date]:
    """Collect the days of a year on which the clocks skip some time."""
    gaps = [
        gap.walls
        for near in (year - 1, year, year + 1)
        for gap in transitions(zone_info, near)
        if gap.before < gap.after
    ]
    days = (first.date() + timedelta(days=number) for first, end in gaps for number in range((end - first).days + 2))
    return frozenset(day for day in days if day.year == year)


def transition_at(zone_info: ZoneInfo, instant: datetime) -> ZoneTransition | None:
    """Return the transition at this very instant; `None` if there is none."""
    before, after = offset(instant - SECOND, zone_info), offset(instant, zone_info)
    return None if before == after else ZoneTransition(instant, before, after)


def first_instant(time: datetime, zone_info: ZoneInfo) -> datetime:
    """Find the first instant (UTC) at which the local time is `time`; the end of the gap if the clocks skip it."""
    instant = time.replace(tzinfo=zone_info).astimezone(UTC)
    if wall(instant, zone_info) == time:
        return instant
    # fold=1 reads a skipped time with the later offset, which puts it before the transition.
    before = time.replace(tzinfo=zone_info, fold=1).astimezone(UTC)
    return next(transitions_between(zone_info, before, instant)).at
