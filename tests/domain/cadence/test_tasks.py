"""What people and agents write for when a task is due, and the cadence it comes to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.tasks import TaskSchedule, from_cadence, to_cadence

NOW = datetime(2026, 11, 22, 18, 0, 0, 1, tzinfo=UTC)

GOOD: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("interval", {"interval_minutes": 90}, "Every 90 minutes, Rome time", {}),
    ("interval", {"interval_minutes": "90"}, "Every 90 minutes, Rome time", {"interval_minutes": 90}),
    ("daily", {"time": "09:00"}, "At 09:00, Rome time", {}),
    ("daily", {"time": "7:05"}, "At 07:05, Rome time", {"time": "07:05"}),
    ("weekly", {"days": ["friday"], "time": "17:00"}, "At 17:00, on Friday, Rome time", {}),
    (
        "weekly",
        {"days": ["sun", "Monday", 1], "time": "17:00"},
        "At 17:00, on Monday and Sunday, Rome time",
        {"days": ["monday", "sunday"], "time": "17:00"},
    ),
    ("weekly", {"day": 5, "time": "17:00"}, "At 17:00, on Friday, Rome time", {"days": ["friday"], "time": "17:00"}),
    (
        "once",
        {"at": "2026-11-27T09:00"},
        "Once, on Friday 27 November 2026 at 09:00, Rome time",
        {"at": "2026-11-27T09:00:00+01:00"},
    ),
    (
        "once",
        {"at": "2026-11-27T09:00:00Z"},
        "Once, on Friday 27 November 2026 at 10:00, Rome time",
        {"at": "2026-11-27T10:00:00+01:00"},
    ),
    (
        "once",
        {"at": "2027-03-28T02:30"},
        "Once, on Sunday 28 March 2027 at 03:00, Rome time",
        {"at": "2027-03-28T03:00:00+02:00"},
    ),
    (
        "once",
        {"in_minutes": 20},
        "Once, on Sunday 22 November 2026 at 19:20:01, Rome time",
        {"at": "2026-11-22T19:20:01+01:00"},
    ),
]


@pytest.mark.parametrize(("kind", "config", "sentence", "equal_config"), GOOD)
def test_what_is_asked_for(kind: str, config: dict[str, Any], sentence: str, equal_config: dict[str, Any]) -> None:
    cadence = to_cadence(TaskSchedule(kind, config), "Europe/Rome", NOW).validated()
    assert cadence.sentence() == sentence
    assert from_cadence(cadence) == TaskSchedule(kind, equal_config or config)
    again = to_cadence(from_cadence(cadence), "Europe/Rome", NOW)
    assert again.next_after(NOW) == cadence.next_after(NOW)
    assert cadence.next_after(NOW) is not None


@pytest.mark.parametrize("second", [0, 1, 59])
def test_an_interval_is_never_too_short_the_first_one_included(second: int) -> None:
    now = NOW.replace(second=second)
    ticks = to_cadence(TaskSchedule("interval", {"interval_minutes": 5}), "UTC", now).ticks(now)
    first, then = next(ticks), next(ticks)
    assert timedelta(minutes=5) <= first - now < timedelta(minutes=6)
    assert then - first == timedelta(minutes=5)


def test_in_minutes_is_never_too_early() -> None:
    due = to_cadence(TaskSchedule("once", {"in_minutes": 1}), "UTC", NOW).run_at
    assert due is not None
    assert timedelta(minutes=1) <= due - NOW < timedelta(seconds=61)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("monthly", {}, "schedule_type"),
    ("interval", {}, "schedule_config.interval_minutes"),
    ("interval", {"interval_minutes": 0}, "schedule_config.interval_minutes"),
    ("interval", {"interval_minutes": True}, "schedule_config.interval_minutes"),
    ("interval", {"interval_minutes": 1.5}, "schedule_config.interval_minutes"),
    ("interval", {"interval_minutes": 10**12}, "schedule_config.interval_minutes"),
    ("daily", {}, "schedule_config.time"),
    ("daily", {"time": "24:00"}, "schedule_config.time"),
    ("daily", {"time": 9}, "schedule_config.time"),
    ("weekly", {"time": "09:00"}, "schedule_config.days"),
    ("weekly", {"days": [], "time": "09:00"}, "schedule_config.days"),
    ("weekly", {"days": ["t"], "time": "09:00"}, "schedule_config.days"),
    ("weekly", {"days": [8], "time": "09:00"}, "schedule_config.days"),
    ("weekly", {"days": [{}], "time": "09:00"}, "schedule_config.days"),
    ("once", {}, "schedule_config"),
    ("once", {"at": "2026-11-27T09:00", "in_minutes": 5}, "schedule_config"),
    ("once", {"in_minutes": -5}, "schedule_config.in_minutes"),
    ("once", {"at": "tomorrow"}, "schedule_config.at"),
    ("once", {"at": 1_800_000_000}, "schedule_config.at"),
    ("once", {"at": "2026-11-22T17:59Z"}, "schedule_config.at"),
    ("once", {"at": "2029-11-22T18:00Z"}, "schedule_config.at"),
    ("once", {"at": "9999-12-31T23:59-10:00"}, "schedule_config.at"),
    ("once", {"at": "0001-01-01T00:00+10:00"}, "schedule_config.at"),
]


@pytest.mark.parametrize(("kind", "config", "field"), BAD)
def test_what_cannot_be_is_refused_with_its_field(kind: str, config: dict[str, Any], field: str) -> None:
    with pytest.raises(CadenceError) as refused:
        to_cadence(TaskSchedule(kind, config), "Europe/Rome", NOW)
    assert refused.value.field == field
    assert "write" in refused.value.message or "name" in refused.value.message or "give" in refused.value.message
