"""How often, as people say it without cron, and the cron pattern or interval that it comes to; and back again.

Both ways are exact: a pattern is said as a frequency only if both name the same ticks in every time zone. A step such
as `*/15` is none, since an interval counts from when it was made and a step from the full hour.
"""

import re
from dataclasses import dataclass
from typing import Literal

from heartbeat.domain.cadence import cron
from heartbeat.domain.cadence.cron import LAST, CadenceError, Cron
from heartbeat.domain.cadence.days import EVERY_DAY, EVERY_MONTH

Kind = Literal["minutes", "hours", "daily", "weekdays", "weekly", "monthly", "last_day", "nth_weekday"]

# Monday is 1, as in active_days; a cron pattern's Sunday is 0.
MONDAY_TO_FRIDAY = (1, 2, 3, 4, 5)
EVERY_DAY_OF_WEEK = (1, 2, 3, 4, 5, 6, 7)
NTHS = (1, 2, 3, 4, 5, LAST)


@dataclass(frozen=True)
class Frequency:
    """One way to be due.

    `every` counts minutes or hours; `time` is "HH:MM" of the others. `days` are those of `weekly`, 1 (Monday) to 7;
    `day` is that of `monthly`, 1 to 31; `nth` (1 to 5, or LAST) and `weekday` (1 to 7) are those of `nth_weekday`.
    """

    kind: Kind
    every: int = 1
    time: str = "09:00"
    days: tuple[int, ...] = ()
    day: int = 1
    nth: int = 1
    weekday: int = 1


def interval_of(frequency: Frequency) -> int | None:
    """Return the minutes between two ticks; `None` for a frequency that comes to a pattern."""
    return {"minutes": frequency.every, "hours": frequency.every * 60}.get(frequency.kind)


def pattern_of(frequency: Frequency) -> str | None:
    """Write the cron pattern; `None` for a frequency that comes to an interval. Raises `CadenceError`."""
    if interval_of(frequency) is not None:
        return None
    hour, minute = _hour_and_minute(frequency.time)
    return f"{minute} {hour} {_days_of(frequency)}"


def of_interval(minutes: int) -> Frequency:
    """Say an interval in hours where it is whole hours, else in minutes."""
    return Frequency("hours", minutes // 60) if minutes % 60 == 0 else Frequency("minutes", minutes)


def of_pattern(text: str) -> Frequency | None:
    """Say what a pattern says; `None` when it says more. Raises `CadenceError` for what is no pattern."""
    pattern = cron.parse(text)
    if not pattern.fixed_time or pattern.either or pattern.months != EVERY_MONTH or len(pattern.times) != 1:
        return None
    time = f"{pattern.times[0] // 60:02}:{pattern.times[0] % 60:02}"
    if pattern.days == EVERY_DAY:
        return _by_weekday(pattern, time)
    return None if pattern.names_weekdays else _by_day(pattern, time)


def _by_weekday(pattern: Cron, time: str) -> Frequency | None:
    if not pattern.nth_weekdays:
        days = tuple(sorted(weekday or 7 for weekday in pattern.weekdays))
        kinds: dict[tuple[int, ...], Kind] = {EVERY_DAY_OF_WEEK: "daily", MONDAY_TO_FRIDAY: "weekdays"}
        kind = kinds.get(days)
        return Frequency(kind, time=time) if kind else Frequency("weekly", time=time, days=days)
    if pattern.weekdays or len(pattern.nth_weekdays) != 1:
        return None
    [(weekday, nth)] = pattern.nth_weekdays
    return Frequency("nth_weekday", time=time, nth=nth, weekday=weekday or 7)


def _by_day(pattern: Cron, time: str) -> Frequency | None:
    if pattern.last_day:
        return None if pattern.days else Frequency("last_day", time=time)
    [*days] = pattern.days
    return Frequency("monthly", time=time, day=days[0]) if len(days) == 1 else None


def _days_of(frequency: Frequency) -> str:
    """Write the last three fields of the pattern."""
    if frequency.kind == "daily":
        return "* * *"
    if frequency.kind == "weekdays":
        return "* * 1-5"
    if frequency.kind == "weekly":
        return f"* * {_weekdays(frequency.days)}"
    if frequency.kind == "last_day":
        return "L * *"
    if frequency.kind == "monthly":
        if frequency.day not in EVERY_DAY:
            raise CadenceError("day", "write a day of the month, 1 to 31")
        return f"{frequency.day} * *"
    return f"* * {_nth(frequency)}"


def _weekdays(days: tuple[int, ...]) -> str:
    if not days or not set(days) <= set(EVERY_DAY_OF_WEEK):
        raise CadenceError("days", "choose one day or more")
    return ",".join(str(day % 7) for day in sorted(set(days)))


def _nth(frequency: Frequency) -> str:
    if frequency.nth not in NTHS or frequency.weekday not in EVERY_DAY_OF_WEEK:
        raise CadenceError("nth", "choose which weekday of the month")
    weekday = frequency.weekday % 7
    return f"{weekday}L" if frequency.nth == LAST else f"{weekday}#{frequency.nth}"


def _hour_and_minute(time: str) -> tuple[int, int]:
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", time)
    if not match:
        raise CadenceError("time", "write the time of day as 00:00 to 23:59, such as '09:00'")
    return int(match[1]), int(match[2])
