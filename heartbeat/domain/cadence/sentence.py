"""A cadence in words people use: "At 09:00, Monday to Friday, New York time"."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from cronsim.explain import explain

from heartbeat.domain.cadence.active import DAY_MINUTES, ActiveHours
from heartbeat.domain.cadence.cron import EVERY_WEEKDAY, Cron
from heartbeat.domain.cadence.steps import plain_text

WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
MONTHS = [
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
]
# cronsim ends every number that it does not spell out in "th".
ORDINALS = {"1": "1st", "2": "2nd", "3": "3rd"}
UNITS = [(DAY_MINUTES, "day"), (60, "hour"), (1, "minute")]


# A configure needs it three times: for the schedule, its memo and the answer.
@lru_cache(maxsize=1_000)
def of_pattern(pattern: Cron) -> str:
    """Say the pattern's times and days: "At 09:00, Monday to Friday"."""
    text = explain(plain_text(pattern)).replace(" through ", " to ").replace("day of month", "day of the month")
    text = text.replace("At minute 0 past", "At the start of")
    text = re.sub(r"\b([2-5])([123])th\b", lambda match: match[1] + ORDINALS[match[2]], text)
    step = re.match(r"\*/([0-9]+) ", pattern.text)
    if step and 60 % int(step[1]) == 0:
        text = re.sub(r"^Every \w+ minute( of every hour)?", f"Every {step[1]} minutes", text)
    times, on, days = text.removesuffix(" every day").partition(" on ")
    return f"{times}, {_on(days)}" if on else times


def _on(days: str) -> str:
    return days if re.match(r"[A-Z][a-z]+day to ", days) else f"on {days}"


def of_interval(every: timedelta) -> str:
    """Say the interval in its largest whole unit: "Every 30 minutes"."""
    number, name = interval_in_units(every)
    return f"Every {name}" if number == 1 else f"Every {number} {name}s"


def interval_in_units(every: timedelta) -> tuple[int, str]:
    """Count the interval in its largest whole unit: day, hour or minute."""
    minutes = every // timedelta(minutes=1)
    size, name = next((size, name) for size, name in UNITS if minutes % size == 0)
    return minutes // size, name


def of_once(wall: datetime) -> str:
    """Say the one local time: "Once, on Friday 27 November 2026 at 09:00"."""
    return f"Once, on {WEEKDAYS[wall.isoweekday() % 7]} {_day_and_time(wall)}"


def _day_and_time(wall: datetime) -> str:
    day = f"{wall.day} {MONTHS[wall.month - 1]} {wall.year}"
    return f"{day} at {wall:%H:%M:%S}" if wall.second else f"{day} at {wall:%H:%M}"


def of_active(active: ActiveHours) -> list[str]:
    """Say the active hours and days, where there are any: "between 09:00 and 17:00", "Monday to Friday"."""
    parts = []
    if (active.start, active.end) != (0, DAY_MINUTES):
        parts.append(f"between {_clock(active.start)} and {_clock(active.end)}")
    if active.weekdays != EVERY_WEEKDAY:
        parts.append(_on(_days(active.weekdays)))
    return parts


def of_bounds(start: datetime | None, end: datetime | None) -> list[str]:
    """Say from which local time until which it is due: "from 1 December 2026 at 09:00"."""
    return [f"{word} {_day_and_time(wall)}" for word, wall in (("from", start), ("until", end)) if wall]


def of_zone(name: str) -> str:
    """Say the place whose clock counts: "New York time"."""
    if name in {"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Etc/Universal", "Universal", "Etc/Zulu", "Zulu"}:
        return "UTC"
    if name.startswith("Etc/"):
        return name
    return f"{name.rsplit('/', 1)[-1].replace('_', ' ')} time"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(weekdays: frozenset[int]) -> str:
    days = sorted(weekday or 7 for weekday in weekdays)
    names = [WEEKDAYS[day % 7] for day in days]
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{names[0]} to {names[-1]}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
