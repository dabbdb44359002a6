"""Every sentence in which a cadence is refused, and the field that it is about, to the letter: people act on them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from heartbeat.domain.cadence import active, cron
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.frequency import Frequency, pattern_of
from heartbeat.domain.cadence.tasks import TaskSchedule, to_cadence
from heartbeat.domain.cadence.ticks import Cadence

NOW = datetime.fromisoformat("2026-11-27T08:00:00Z")
BOTH_ENDS = "is missing; give both ends of the active hours, such as 09:00 and 17:00"
A_TIME = "write the time of day as 00:00 to 23:59, such as '09:00'"
MINUTES = "write a number of minutes from 1 to 527040 (a year)"


def pattern(text: str) -> Callable[[], Any]:
    return lambda: cron.parse(text)


def often(**fields: Any) -> Callable[[], Any]:
    return lambda: pattern_of(Frequency(**fields))


def task(kind: str, **config: Any) -> Callable[[], Any]:
    return lambda: to_cadence(TaskSchedule(kind, config), "UTC", NOW)


REFUSED: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: active.parse("09:00", None, None), "active_hours_end", BOTH_ENDS),
    (lambda: active.parse(None, "09:00", None), "active_hours_start", BOTH_ENDS),
    (
        lambda: active.parse("09:00", "09:00", None),
        "active_hours_end",
        "is equal to the start; leave both out to be active all day",
    ),
    (
        lambda: active.parse("24:00", "09:00", None),
        "active_hours_start",
        "'24:00' is not a time; write 00:00 to 23:59 (midnight is 00:00)",
    ),
    (
        lambda: active.parse("09:00", "9", None),
        "active_hours_end",
        "'9' is not a time; write 00:00 to 23:59 (midnight is 00:00)",
    ),
    (
        pattern("TZ=UTC 0 9 * * *"),
        "cron_pattern",
        "has a time zone in it; give the zone in `timezone` and only the five fields here",
    ),
    (pattern("0 9 ? * *"), "cron_pattern", "'?' is not supported; write * instead"),
    (
        pattern("0 9 15W * *"),
        "cron_pattern",
        "W (nearest weekday) is not supported; write L for the last day of the month or 5L for its last Friday",
    ),
    (pattern("@every 5m"), "cron_pattern", "@every is not supported; give `interval_minutes` instead"),
    (
        pattern("@reboot"),
        "cron_pattern",
        "@reboot is not supported, a heartbeat has no start-up; write @hourly, @daily or a time",
    ),
    (
        pattern("@often"),
        "cron_pattern",
        "'@often' is not known; write @hourly, @daily, @weekly, @monthly or @yearly",
    ),
    (
        pattern("0 0 30 2 *"),
        "cron_pattern",
        "'0 0 30 2 *' never fires: no month it names has such a day; write L for the last day of a month",
    ),
    (task("never"), "schedule_type", "write one of interval, daily, weekly, once"),
    (task("interval", interval_minutes=0), "schedule_config.interval_minutes", MINUTES),
    (task("once", in_minutes=527_041), "schedule_config.in_minutes", MINUTES),
    (task("daily", time="9"), "schedule_config.time", A_TIME),
    (
        task("weekly", time="09:00", days=[]),
        "schedule_config.days",
        "name one day or more, such as ['monday', 'friday']",
    ),
    (
        task("weekly", time="09:00", days=["noday"]),
        "schedule_config.days",
        "name the days, such as ['monday', 'friday'] (or 1 for Monday to 7)",
    ),
    (task("once"), "schedule_config", "give either at, such as '2026-11-27T09:00', or in_minutes, such as 20"),
    (
        task("once", at="soon"),
        "schedule_config.at",
        "write a time as ISO 8601, such as '2026-11-27T09:00' or with an offset",
    ),
    (
        task("once", at="2026-11-27T07:59"),
        "schedule_config.at",
        "write a time from now (2026-11-27T08:00Z) to a year from now",
    ),
    (
        lambda: Cadence("UTC", "0 9 * * *", 5).validated(),
        "cron_pattern",
        "give either cron_pattern or interval_minutes, and not both",
    ),
    (lambda: Cadence("UTC", interval_minutes=0).validated(), "interval_minutes", MINUTES),
    (
        lambda: Cadence("UTC", run_at=NOW.replace(tzinfo=None)).validated(),
        "run_at",
        "write an instant with its offset, to the second: 2026-11-27T09:00:00+01:00",
    ),
]


@pytest.mark.parametrize(("refused", "field", "message"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_is_refused_is_said_with_what_to_write_instead(
    refused: Callable[[], Any], field: str, message: str
) -> None:
    with pytest.raises(CadenceError) as caught:
        refused()
    assert (caught.value.field, caught.value.message) == (field, message)
