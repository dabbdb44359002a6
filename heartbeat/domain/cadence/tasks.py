"""When a scheduled task is due, as people and agents write it: a type and its configuration, made into a cadence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.cron import MAX_INTERVAL_MINUTES, CadenceError
from heartbeat.domain.cadence.ticks import EPOCH, MINUTE, Cadence

SECOND = timedelta(seconds=1)
# Monday is 1, as in active_days; a cron pattern's Sunday is 0.
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CONFIG_FIELD = "schedule_config"


@dataclass(frozen=True)
class TaskSchedule:
    """A `schedule_type` (interval, daily, weekly, once) and its `schedule_config`."""

    schedule_type: str
    schedule_config: Mapping[str, Any]


def to_cadence(schedule: TaskSchedule, timezone: str, now: datetime) -> Cadence:
    """Read a schedule; raises `CadenceError` with the field that is wrong and what to write instead."""
    if schedule.schedule_type not in READERS:
        raise CadenceError("schedule_type", f"write one of {', '.join(READERS)}")
    zones.zone(timezone)
    return READERS[schedule.schedule_type](schedule.schedule_config, timezone, now)


def from_cadence(cadence: Cadence) -> TaskSchedule:
    """Write the schedule that `to_cadence` reads as this cadence."""
    if cadence.run_at is not None:
        return TaskSchedule("once", {"at": cadence.run_at.astimezone(cadence.zone).isoformat()})
    if cadence.cron_pattern is None:
        return TaskSchedule("interval", {"interval_minutes": cadence.interval_minutes})
    minute, hour, _, _, weekdays = cadence.cron_pattern.split()
    time = {"time": f"{int(hour):02}:{int(minute):02}"}
    if weekdays == "*":
        return TaskSchedule("daily", time)
    return TaskSchedule("weekly", {"days": [DAYS[(int(day) or 7) - 1] for day in weekdays.split(",")], **time})


def _interval(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    # Counted from the next whole minute, so that the first interval is not shorter than the others.
    return Cadence(timezone, interval_minutes=_minutes(config, "interval_minutes"), anchor=_round_up(MINUTE, now))


def _daily(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    hour, minute = _time(config)
    return Cadence(timezone, f"{minute} {hour} * * *")


def _weekly(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    hour, minute = _time(config)
    value = config.get("days", config.get("day"))
    days = sorted({_day(day) for day in (value if isinstance(value, list) else [value])})
    if not days:
        raise CadenceError(f"{CONFIG_FIELD}.days", "name one day or more, such as ['monday', 'friday']")
    return Cadence(timezone, f"{minute} {hour} * * {','.join(str(day % 7) for day in days)}")


def _once(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    if ("at" in config) == ("in_minutes" in config):
        raise CadenceError(CONFIG_FIELD, "give either at, such as '2026-11-27T09:00', or in_minutes, such as 20")
    if "at" not in config:
        moment = now + _minutes(config, "in_minutes") * MINUTE
        return Cadence(timezone, run_at=_round_up(SECOND, moment))
    moment = _instant(config["at"], timezone)
    if not now < moment <= now + MAX_INTERVAL_MINUTES * MINUTE:
        raise CadenceError(f"{CONFIG_FIELD}.at", f"write a time from now ({now:%Y-%m-%dT%H:%M}Z) to a year from now")
    return Cadence(timezone, run_at=_round_up(SECOND, moment))


READERS: dict[str, Callable[[Mapping[str, Any], str, datetime], Cadence]] = {
    "interval": _interval,
    "daily": _daily,
    "weekly": _weekly,
    "once": _once,
}


def _minutes(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_INTERVAL_MINUTES:
        raise CadenceError(
            f"{CONFIG_FIELD}.{name}", f"write a number of minutes from 1 to {MAX_INTERVAL_MINUTES} (a year)"
        )
    return value


def _time(config: Mapping[str, Any]) -> tuple[int, int]:
    value = config.get("time")
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", value) if isinstance(value, str) else None
    if not match:
        raise CadenceError(f"{CONFIG_FIELD}.time", "write the time of day as 00:00 to 23:59, such as '09:00'")
    return int(match[1]), int(match[2])


def _day(value: Any) -> int:
    """Read a day by its name or number: 1 (Monday) to 7 (Sunday)."""
    word = str(value).strip().casefold()
    named = [number for number, name in enumerate(DAYS, 1) if len(word) >= 3 and name.startswith(word)]
    if word in {"1", "2", "3", "4", "5", "6", "7"} and not isinstance(value, bool):
        return int(word)
    if not named:
        raise CadenceError(f"{CONFIG_FIELD}.days", "name the days, such as ['monday', 'friday'] (or 1 for Monday to 7)")
    return named[0]


def _instant(value: Any, timezone: str) -> datetime:
    """Read an instant; a time without an offset is local to the zone."""
    try:
        # From year 2 to 9998: with any offset it can still be expressed in UTC.
        moment = datetime.fromisoformat(value) if isinstance(value, str) and value[:4] not in ("0001", "9999") else None
    except ValueError:
        moment = None
    if moment is None:
        raise CadenceError(
            f"{CONFIG_FIELD}.at", "write a time as ISO 8601, such as '2026-11-27T09:00' or with an offset"
        )
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    whole = moment.replace(microsecond=0)
    return zones.first_instant(whole, zones.zone(timezone))


def _round_up(unit: timedelta, moment: datetime) -> datetime:
    """Round up to the whole minute or second."""
    return moment + (EPOCH - moment) % unit
