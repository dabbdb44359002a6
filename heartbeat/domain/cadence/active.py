"""Active hours and days: the local times at which a heartbeat may run."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from heartbeat.domain.cadence.cron import EVERY_WEEKDAY, CadenceError

DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class ActiveHours:
    """From minute `start` of the day to before minute `end`, on `weekdays` (0 is Sunday).

    `start` later than `end` crosses midnight. The weekday is the one of the instant itself: with Friday alone,
    22:00 to 06:00 holds Friday until 06:00 and Friday from 22:00.
    """

    start: int = 0
    end: int = DAY_MINUTES
    weekdays: frozenset[int] = EVERY_WEEKDAY

    @property
    def always(self) -> bool:
        return self == ActiveHours()

    def at_minute(self, minute: int) -> bool:
        """Tell whether a minute of the day is within the active hours."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def on(self, day: date) -> bool:
        """Tell whether a day is one of the active days."""
        return day.isoweekday() % 7 in self.weekdays

    def at(self, wall: datetime) -> bool:
        """Tell whether a local time is within the active hours and days."""
        return self.at_minute(wall.hour * 60 + wall.minute) and self.on(wall)

    def next_opening(self, wall: datetime) -> datetime:
        """Find the first local time later than `wall` at which active hours begin, if the clocks do not change."""
        midnight = datetime.combine(wall.date(), time())
        # Hours that cross midnight begin again at midnight, for the weekday may have changed.
        starts = (self.start,) if self.start < self.end else (0, self.start)
        days = (midnight + timedelta(days=number) for number in range(9))
        openings = (day + timedelta(minutes=start) for day in days if self.on(day) for start in starts)
        return next(opening for opening in openings if opening > wall)


def parse(start: str | None, end: str | None, days: str | None) -> ActiveHours:
    """Read "HH:MM", "HH:MM" and "1,2,3" (1 is Monday, 7 is Sunday); raises `CadenceError` with advice."""
    weekdays = _weekdays(days) if days is not None else EVERY_WEEKDAY
    if start is None and end is None:
        return ActiveHours(weekdays=weekdays)
    if end is None:
        raise CadenceError(
            "active_hours_end", "is missing; give both ends of the active hours, such as 09:00 and 17:00"
        )
    if start is None:
        raise CadenceError(
            "active_hours_start", "is missing; give both ends of the active hours, such as 09:00 and 17:00"
        )
    first, last = _minute("active_hours_start", start), _minute("active_hours_end", end)
    if first == last:
        raise CadenceError("active_hours_end", "is equal to the start; leave both out to be active all day")
    return ActiveHours(first, last, weekdays)


def _minute(field: str, text: str) -> int:
    match = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text)
    if not match:
        raise CadenceError(field, f"{text[:20]!r} is not a time; write 00:00 to 23:59 (midnight is 00:00)")
    return int(match[1]) * 60 + int(match[2])


def _weekdays(text: str) -> frozenset[int]:
    days = [day.strip() for day in text.split(",")]
    if not all(day in {"1", "2", "3", "4", "5", "6", "7"} for day in days):
        raise CadenceError(
            "active_days", f"{text[:40]!r} is not a list of days; write 1 (Monday) to 7 (Sunday), such as 1,2,3,4,5"
        )
    return frozenset(int(day) % 7 for day in days)
