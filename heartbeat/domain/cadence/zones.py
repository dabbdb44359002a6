"""Time zones: their names, and the instants at which their clocks are turned."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from heartbeat.domain.cadence.cron import CadenceError

SECOND = timedelta(seconds=1)
# No zone turns its clocks twice within this time; the closest are Gaza's a week apart.
STEP = timedelta(days=5)

# Files of the zone database that are no place's clock.
NOT_ZONES = {"Factory", "localtime", "posixrules"}
# What people write for a zone although the database has no such name.
COMMON = {
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
    """The clocks turn at `at` (UTC): from then on they are `after` ahead of UTC, until then `before`."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def by(self) -> timedelta:
        """How far the clock jumps: positive in spring (times are skipped), negative in autumn (times come twice)."""
        return self.after - self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The times on the wall that are skipped or repeated: the first of them, and the first after them."""
        utc = self.at.replace(tzinfo=None)
        return utc + min(self.before, self.after), utc + max(self.before, self.after)


@cache
def names() -> frozenset[str]:
    return frozenset(available_timezones()) - NOT_ZONES


def zone(name: str) -> ZoneInfo:
    """The zone with this IANA name; raises CadenceError naming the closest one."""
    if name not in names():
        raise CadenceError("timezone", f"{name[:64]!r} is not a time zone; write {_advice(name[:64])}")
    return ZoneInfo(name)


def _advice(name: str) -> str:
    wanted = name.strip().replace(" ", "_").casefold()
    if wanted.upper() in COMMON:
        return f"{COMMON[wanted.upper()]!r}"
    if re.fullmatch(r"(utc|gmt)?[+-]\d.*", wanted):
        return "the name of a place with that offset, such as 'Europe/Berlin'"
    known = {key: full for full in sorted(names(), key=len, reverse=True) for key in _keys(full)}
    close = get_close_matches(wanted, known, n=1, cutoff=0.75)
    return f"{known[close[0]]!r}" if close else "an IANA name such as 'Europe/Berlin', 'America/New_York' or 'UTC'"


def _keys(name: str) -> tuple[str, str]:
    """A zone is looked for under its full name and its city."""
    return name.casefold(), name.rsplit("/", 1)[-1].casefold()


def wall(instant: datetime, where: ZoneInfo) -> datetime:
    """What the clock on the wall shows at `instant`, without a zone."""
    return instant.astimezone(where).replace(tzinfo=None, fold=0)


def offset(instant: datetime, where: ZoneInfo) -> timedelta:
    """How far the zone's clocks are ahead of UTC at `instant`."""
    ahead = instant.astimezone(where).utcoffset()
    assert ahead is not None
    return ahead


@lru_cache(maxsize=8192)
def turns(where: ZoneInfo, year: int) -> tuple[ZoneTransition, ...]:
    """Every turn of the zone's clocks in a year (of UTC), in order."""
    new_year = datetime(year, 1, 1, tzinfo=UTC)
    looks = [*(new_year + number * STEP for number in range(73)), new_year.replace(year=year + 1)]
    offsets = [offset(look, where) for look in looks]
    seen = zip(pairwise(looks), pairwise(offsets), strict=True)
    return tuple(ZoneTransition(_turned(where, *look), *changed) for look, changed in seen if changed[0] != changed[1])


def _turned(where: ZoneInfo, start: datetime, end: datetime) -> datetime:
    """The first second after `start` whose offset is no longer the one at `start`."""
    before = offset(start, where)
    seconds = range((end - start) // SECOND)
    return start + SECOND * bisect_left(
        seconds, True, key=lambda second: offset(start + second * SECOND, where) != before
    )


def turns_between(where: ZoneInfo, after: datetime, until: datetime) -> Iterator[ZoneTransition]:
    """The turns later than `after` and not later than `until`, in order."""
    years = range(after.year, until.year + 1)
    return (turn for year in years for turn in turns(where, year) if after < turn.at <= until)


def stretches(where: ZoneInfo, after: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """The time from `after` to `until` cut at every turn: each stretch's start and end, both excluded, and offset."""
    ahead = offset(after, where)
    for turn in turns_between(where, after, until):
        yield after, turn.at, ahead
        after, ahead = turn.at - SECOND, turn.after
    yield after, until + SECOND, ahead


def turn_at(where: ZoneInfo, instant: datetime) -> ZoneTransition | None:
    """The turn that happens at this very instant."""
    before, after = offset(instant - SECOND, where), offset(instant, where)
    return None if before == after else ZoneTransition(instant, before, after)


def first_instant(time: datetime, where: ZoneInfo) -> datetime:
    """The first instant (UTC) at which the wall shows `time`; the end of the gap if the clocks skip it."""
    instant = time.replace(tzinfo=where).astimezone(UTC)
    if wall(instant, where) == time:
        return instant
    # fold=1 reads a skipped time with the offset after the turn, which puts it before the turn.
    before = time.replace(tzinfo=where, fold=1).astimezone(UTC)
    return next(turns_between(where, before, instant)).at
