"""The days of a pattern as Temporal's calendars can name them: no OR, no last day, no second Monday."""

from dataclasses import dataclass, replace
from itertools import product

from heartbeat.domain.cadence.cron import EVERY_WEEKDAY, LAST, Cron

EVERY_DAY = frozenset(range(1, 32))
EVERY_MONTH = frozenset(range(1, 13))
FEBRUARY = frozenset({2})
MONTHS_OF_LENGTH = {31: frozenset({1, 3, 5, 7, 8, 10, 12}), 30: frozenset({4, 6, 9, 11}), 29: FEBRUARY}


@dataclass(frozen=True)
class Days:
    """The days whose day of month, month and weekday are all named; `common_years`: not those of leap years."""

    days: frozenset[int] = EVERY_DAY
    months: frozenset[int] = EVERY_MONTH
    weekdays: frozenset[int] = EVERY_WEEKDAY
    common_years: bool = False

    def __and__(self, other: "Days") -> "Days":
        return Days(
            self.days & other.days,
            self.months & other.months,
            self.weekdays & other.weekdays,
            self.common_years or other.common_years,
        )

    def __bool__(self) -> bool:
        return bool(self.days and self.months and self.weekdays)


# February 29 needs no year, it comes in leap years alone; what falls on the 28th, or on the last weekday that
# a leap year's 29th would take over, does.
LAST_DAY = [
    *(Days(frozenset({length}), months) for length, months in MONTHS_OF_LENGTH.items()),
    Days(frozenset({28}), FEBRUARY, common_years=True),
]
LAST_WEEK = [
    *(Days(frozenset(range(length - 6, length + 1)), months) for length, months in MONTHS_OF_LENGTH.items()),
    Days(frozenset({22}), FEBRUARY, common_years=True),
]


def of_pattern(pattern: Cron) -> list[Days]:
    """Split the days of the pattern into parts that calendars can name."""
    in_months = Days(months=pattern.months)
    by_day, by_weekday = _by_day(pattern), _by_weekday(pattern)
    parts = [*by_day, *by_weekday] if pattern.either else [one & other for one, other in product(by_day, by_weekday)]
    return [days for part in parts if (days := part & in_months)]


def _by_day(pattern: Cron) -> list[Days]:
    return [Days(pattern.days), *(LAST_DAY if pattern.last_day else [])]


def _by_weekday(pattern: Cron) -> list[Days]:
    parts = [Days(weekdays=pattern.weekdays)]
    for nth in sorted({nth for _, nth in pattern.nth_weekdays}):
        weekdays = frozenset(weekday for weekday, number in pattern.nth_weekdays if number == nth)
        weeks = LAST_WEEK if nth == LAST else [Days(frozenset(range(nth * 7 - 6, nth * 7 + 1)) & EVERY_DAY)]
        parts += [replace(week, weekdays=weekdays) for week in weeks]
    return parts
