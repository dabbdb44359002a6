"""A cron pattern as Debian's cron means it: text in, the days and times it names out. No zone, no clock."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import count
from typing import NamedTuple, NoReturn

from cronsim import CronSim, CronSimError

LAST = -1
EVERY_WEEKDAY = frozenset(range(7))
# Dates fall on the same weekdays again after 28 years: a day that is not in these never comes.
CYCLE_START, CYCLE_DAYS = date(2001, 1, 1), 28 * 365 + 7

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day of month": "1 to 31, or L for the last day",
    "month": "1 to 12 or JAN to DEC",
    "day of week": "0 to 7 or SUN to SAT (0 and 7 are Sunday), 5L for the last Friday, 1#2 for the second Monday",
}
FIVE_FIELDS_ADVICE = "write the five fields minute, hour, day of month, month, day of week, such as '0 9 * * 1-5'"
MAX_LENGTH = 500
# What can be had instead of a pattern.
MAX_INTERVAL_MINUTES = 366 * 24 * 60


class CadenceError(ValueError):
    """A cadence that is not valid: `field` is the request's field that is wrong, `message` what to write instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NthWeekday(NamedTuple):
    """The `nth` (1 to 5, or LAST) `weekday` of a month."""

    weekday: int
    nth: int


@dataclass(frozen=True)
class Cron:
    """What a pattern names. Weekdays are 0 (Sunday) to 6.

    `either`: day of month OR day of week is enough, as cron has it when neither field starts with a star.
    `fixed_time`: neither minute nor hour starts with a star. Such a job runs once however the clocks change;
    the others run whenever the local clock shows their time.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    last_day: bool
    months: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[NthWeekday]
    either: bool
    fixed_time: bool

    @cached_property
    def times(self) -> tuple[int, ...]:
        """The times of a day, rising, in minutes after midnight."""
        return tuple(hour * 60 + minute for hour in sorted(self.hours) for minute in sorted(self.minutes))

    @property
    def names_weekdays(self) -> bool:
        """Whether the pattern restricts the weekday."""
        return bool(self.nth_weekdays) or self.weekdays != EVERY_WEEKDAY

    def falls_on(self, day: date) -> bool:
        """Tell whether `day` is one of the pattern's."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = self._by_day(day), self._by_weekday(day)
        return by_day or by_weekday if self.either else by_day and by_weekday

    def _by_day(self, day: date) -> bool:
        return day.day in self.days or (self.last_day and (day + timedelta(days=1)).day == 1)

    def _by_weekday(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return (
            weekday in self.weekdays
            or (weekday, (day.day + 6) // 7) in self.nth_weekdays
            or ((weekday, LAST) in self.nth_weekdays and (day + timedelta(days=7)).month != day.month)
        )

    def shows(self, wall: datetime) -> bool:
        """Tell whether the local time `wall` is one of the pattern's."""
        return wall.minute in self.minutes and wall.hour in self.hours and self.falls_on(wall.date())

    def any_between(self, start: datetime, end: datetime) -> bool:
        """Tell whether the pattern names a time from `start` to before `end`."""
        return next(self.walls(start, end), None) is not None

    def walls(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the local times from `start` to before `end`, as if the clocks never changed."""
        return walls(lambda day: self.times if self.falls_on(day) else (), start, end)


def walls(times_on: Callable[[date], Sequence[int]], start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the local times from `start` to before `end`, of whose days `times_on` gives the minutes, rising."""
    day, midnight = start.date(), datetime.combine(start.date(), time())
    while midnight < end:
        for minute in times_on(day):
            wall = midnight + timedelta(minutes=minute)
            if start <= wall < end:
                yield wall
        day, midnight = day + timedelta(days=1), midnight + timedelta(days=1)


def parse(pattern: str) -> Cron:
    """Read five fields or a name such as @daily; raises `CadenceError` with advice on anything else."""
    return _parse(_five_fields(pattern))


@lru_cache(maxsize=4096)
def _parse(text: str) -> Cron:
    try:
        parsed = CronSim(text, datetime(2001, 1, 1, tzinfo=UTC))
    except CronSimError:
        _raise_for_field(text)
    minute, hour, _, _, _ = text.split()
    cron = Cron(
        text=text,
        minutes=frozenset(parsed.minutes),
        hours=frozenset(parsed.hours),
        days=frozenset(day for day in parsed.days if day > 0),
        last_day=CronSim.LAST in parsed.days,
        months=frozenset(parsed.months),
        weekdays=frozenset(item % 7 for item in parsed.weekdays if isinstance(item, int)),
        nth_weekdays=frozenset(_nth(*item) for item in parsed.weekdays if isinstance(item, tuple)),
        either=not parsed.day_and,
        fixed_time=not (minute.startswith("*") or hour.startswith("*")),
    )
    if day_gap(cron) is None:
        raise _error(f"{text!r} never fires: no such day exists; write L for the last day of a month")
    return cron


def _nth(weekday: int, nth: int) -> NthWeekday:
    return NthWeekday(weekday % 7, LAST if nth == CronSim.LAST else nth)


@lru_cache(maxsize=4096)
def day_gap(cron: Cron, weekdays: frozenset[int] = EVERY_WEEKDAY) -> int | None:
    """Count the fewest days between two days of the pattern on `weekdays`; `None` if there are no such days."""
    first = previous = None
    shortest = CYCLE_DAYS
    for number in range(CYCLE_DAYS):
        day = CYCLE_START + timedelta(days=number)
        if day.isoweekday() % 7 not in weekdays or not cron.falls_on(day):
            continue
        if previous is None:
            first = number
        elif (shortest := min(shortest, number - previous)) == 1:
            return 1
        previous = number
    if first is None or previous is None:
        return None
    return min(shortest, first + CYCLE_DAYS - previous)


def _five_fields(pattern: str) -> str:
    """Put single spaces between the five fields; raises for what is no cron pattern, or one of another dialect."""
    if len(pattern) > MAX_LENGTH:
        raise _error(f"is longer than {MAX_LENGTH} characters; {FIVE_FIELDS_ADVICE}")
    text = " ".join(pattern.upper().split())
    if not text or not pattern.isascii() or not text.isprintable():
        raise _error(FIVE_FIELDS_ADVICE)
    if text.startswith("@"):
        return _macro(text.lower())
    if text.startswith(("TZ=", "CRON_TZ=")):
        raise _error("has a time zone in it; give the zone in `timezone` and only the five fields here")
    fields = text.split()
    if len(fields) in (6, 7):
        raise _error(f"has {len(fields)} fields; seconds and years are not supported; {FIVE_FIELDS_ADVICE}")
    if len(fields) != 5:
        raise _error(f"has {'1 field' if len(fields) == 1 else f'{len(fields)} fields'}; {FIVE_FIELDS_ADVICE}")
    if "?" in text:
        raise _error("'?' is not supported; write * instead")
    if "W" in fields[2]:
        raise _error(
            "W (nearest weekday) is not supported; write L for the last day of the month or 5L for its last Friday"
        )
    return text


def _macro(name: str) -> str:
    if name in MACROS:
        return MACROS[name]
    if name.startswith("@every"):
        raise _error("@every is not supported; give `interval_minutes` instead")
    if name == "@reboot":
        raise _error("@reboot is not supported, a heartbeat has no start-up; write @hourly, @daily or a time")
    raise _error(f"{name[:40]!r} is not known; write @hourly, @daily, @weekly, @monthly or @yearly")


def _raise_for_field(text: str) -> NoReturn:
    """Raise for the first field that is wrong on its own, or for the days if only their combination is."""
    for place, field, (name, allowed) in zip(count(), text.split(), FIELDS.items(), strict=False):
        alone = ["*"] * 5
        alone[place] = field
        try:
            CronSim(" ".join(alone), datetime(2001, 1, 1, tzinfo=UTC))
        except CronSimError:
            raise _error(
                f"{name} {field[:40]!r} is not valid; write *, {allowed}; also a list (1,3), a rising range (1-5), "
                "a step (*/2)"
            ) from None
    raise _error(f"{text!r} never fires: no month it names has such a day; write L for the last day of a month")


def _error(message: str) -> CadenceError:
    return CadenceError("cron_pattern", message)
