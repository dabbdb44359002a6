"""When a scheduled task is due, as people and agents ask for it: a type and a few words, made into a cadence. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import EPOCH, LONGEST_INTERVAL, MINUTE, Cadence

SECOND = timedelta(seconds=1)
# Monday is 1, as in active_days; a cron pattern's Sunday is 0.
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CONFIG = "schedule_config"


@dataclass(frozen=True)
class TaskSchedule:
    """A `schedule_type` (interval, daily, weekly, once) and its `schedule_config`."""

    schedule_type: str
    schedule_config: Mapping[str, Any]


def read(asked: TaskSchedule, timezone: str, now: datetime) -> Cadence:
    """The cadence that is meant; raises CadenceError with the field that is wrong and what to write instead."""
    if asked.schedule_type not in READERS:
        raise CadenceError("schedule_type", f"write one of {', '.join(READERS)}")
    zones.zone(timezone)
    return READERS[asked.schedule_type](asked.schedule_config, timezone, now)


def written(cadence: Cadence) -> TaskSchedule:
    """What one would ask for to get this cadence."""
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
    # From the next whole minute on, so that no interval is shorter than was asked for, the first one included.
    return Cadence(timezone, interval_minutes=_minutes(config, "interval_minutes"), anchor=_up_to(MINUTE, now))


def _daily(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    hour, minute = _time(config)
    return Cadence(timezone, f"{minute} {hour} * * *")


def _weekly(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    hour, minute = _time(config)
    given = config.get("days", config.get("day"))
    days = sorted({_day(day) for day in (given if isinstance(given, list) else [given])})
    if not days:
        raise CadenceError(f"{CONFIG}.days", "name one day or more, such as ['monday', 'friday']")
    return Cadence(timezone, f"{minute} {hour} * * {','.join(str(day % 7) for day in days)}")


def _once(config: Mapping[str, Any], timezone: str, now: datetime) -> Cadence:
    if ("at" in config) == ("in_minutes" in config):
        raise CadenceError(CONFIG, "give either at, such as '2026-11-27T09:00', or in_minutes, such as 20")
    if "at" not in config:
        moment = now + _minutes(config, "in_minutes") * MINUTE
        return Cadence(timezone, run_at=_up_to(SECOND, moment))
    moment = _instant(config["at"], timezone)
    if not now < moment <= now + LONGEST_INTERVAL * MINUTE:
        raise CadenceError(f"{CONFIG}.at", f"write a time from now ({now:%Y-%m-%dT%H:%M}Z) to a year from now")
    return Cadence(timezone, run_at=_up_to(SECOND, moment))


READERS: dict[str, Callable[[Mapping[str, Any], str, datetime], Cadence]] = {
    "interval": _interval,
    "daily": _daily,
    "weekly": _weekly,
    "once": _once,
}


def _minutes(config: Mapping[str, Any], name: str) -> int:
    given = config.get(name)
    if isinstance(given, str) and re.fullmatch(r"[0-9]{1,9}", given):
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= LONGEST_INTERVAL:
        raise CadenceError(f"{CONFIG}.{name}", f"write a number of minutes from 1 to {LONGEST_INTERVAL} (a year)")
    return given


def _time(config: Mapping[str, Any]) -> tuple[int, int]:
    given = config.get("time")
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", given) if isinstance(given, str) else None
    if not match:
        raise CadenceError(f"{CONFIG}.time", "write the time of day as 00:00 to 23:59, such as '09:00'")
    return int(match[1]), int(match[2])


def _day(given: Any) -> int:
    """1 (Monday) to 7 (Sunday)."""
    word = str(given).strip().casefold()
    named = [number for number, name in enumerate(DAYS, 1) if len(word) >= 3 and name.startswith(word)]
    if word in {"1", "2", "3", "4", "5", "6", "7"} and not isinstance(given, bool):
        return int(word)
    if not named:
        raise CadenceError(f"{CONFIG}.days", "name the days, such as ['monday', 'friday'] (or 1 for Monday to 7)")
    return named[0]


def _instant(given: Any, timezone: str) -> datetime:
    """A time with an offset is that instant, one without is what the zone's clocks show."""
    try:
        # From year 2 to 9998: no offset leads out of what can be told.
        moment = datetime.fromisoformat(given) if isinstance(given, str) and given[:4] not in ("0001", "9999") else None
    except ValueError:
        moment = None
    if moment is None:
        raise CadenceError(f"{CONFIG}.at", "write a time as ISO 8601, such as '2026-11-27T09:00' or with an offset")
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    whole = moment.replace(microsecond=0)
    return zones.first_instant(whole, zones.zone(timezone))


def _up_to(unit: timedelta, moment: datetime) -> datetime:
    """To the whole minute or second, and not earlier."""
    return moment + (EPOCH - moment) % unit
