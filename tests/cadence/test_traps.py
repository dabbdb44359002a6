"""Where Temporal's cron is not the cron people know: what a bare `cron_expression` does, and what this product does.

Measured on server 1.32. A row that fails after an upgrade is good news to be written down here and in the README.
"""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, ScheduleSpec
from temporalio.service import RPCError

from heartbeat.cadence import calendars
from heartbeat.cadence.cron import CadenceError
from heartbeat.cadence.ticks import Cadence
from tests.cadence.server import Span, as_temporal, fires

MINUTE = timedelta(minutes=1)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def span_of(cadence: Cadence, days: str) -> Span:
    """The days "2027-03-14" or "2027-03-14 2027-03-15" on the wall, both included."""
    first, last = days.split()[0], days.split()[-1]
    start = datetime.fromisoformat(first).replace(tzinfo=cadence.zone)
    end = datetime.fromisoformat(last).replace(tzinfo=cadence.zone) + timedelta(days=1)
    return start.astimezone(UTC) - MINUTE, end.astimezone(UTC) - MINUTE


def shown(cadence: Cadence, instants: list[datetime]) -> str:
    """As the wall shows them, a repeated time marked by a star the second time."""
    walls = [instant.astimezone(cadence.zone) for instant in instants]
    return ", ".join(f"{wall:%a %d %H:%M}{'*' if wall.fold else ''}" for wall in walls)


async def plain(temporal: Client, cadence: Cadence, span: Span) -> str:
    assert cadence.cron_pattern is not None
    spec = ScheduleSpec(cron_expressions=[cadence.cron_pattern], time_zone_name=cadence.timezone)
    return shown(cadence, await fires(temporal, spec, [span]))


QUARTERS = "00", "15", "30", "45"
DAY_AND_DATE = ("UTC", "0 9 1 * 1", "2027-02-01 2027-02-15", "Mon 01 09:00", "Mon 01 09:00, Mon 08 09:00, Mon 15 09:00")
FIRST_MONDAY = ("UTC", "0 9 * * 1#1", "2027-02-01 2027-02-14", "Mon 01 09:00, Mon 08 09:00", "Mon 01 09:00")
SPRING = ("America/New_York", "30 2 * * *", "2027-03-13 2027-03-14", "Sat 13 02:30", "Sat 13 02:30, Sun 14 03:00")
AUTUMN = ("America/New_York", "30 1 * * *", "2027-11-07", "Sun 07 01:30, Sun 07 01:30*", "Sun 07 01:30")
# East of Greenwich the server reaches a repeated hour at its second pass, and from there counts an hour too far.
EAST_ONCE = ("Europe/Berlin", "30 2 * * *", "2027-10-31", "Sun 31 02:30*", "Sun 31 02:30")
EAST_OFTEN = (
    "Europe/London",
    "*/15 1 * * *",
    "2027-10-31",
    "Sun 31 01:00*, Sun 31 02:15",
    ", ".join(f"Sun 31 01:{minute}{star}" for star in ("", "*") for minute in QUARTERS),
)
EAST_AFTER = (
    "Australia/Sydney",
    "*/20 2,3 * * *",
    "2027-04-04",
    "Sun 04 02:00*, Sun 04 03:20, Sun 04 03:40",
    "Sun 04 02:00, Sun 04 02:20, Sun 04 02:40, Sun 04 02:00*, Sun 04 02:20*, Sun 04 02:40*, "
    "Sun 04 03:00, Sun 04 03:20, Sun 04 03:40",
)
HALF_AN_HOUR = (
    "Australia/Lord_Howe",
    "*/15 1,2 * * *",
    "2027-04-04",
    "Sun 04 01:00, Sun 04 01:15, Sun 04 01:30*, Sun 04 02:45",
    "Sun 04 01:00, Sun 04 01:15, Sun 04 01:30, Sun 04 01:45, Sun 04 01:30*, Sun 04 01:45*, "
    "Sun 04 02:00, Sun 04 02:15, Sun 04 02:30, Sun 04 02:45",
)
HALF_A_GAP = ("Australia/Lord_Howe", "15,30,40 2 * * *", "2027-10-03", "Sun 03 02:45", "Sun 03 02:30, Sun 03 02:40")
# Midnight is skipped west of Greenwich: the server takes that Sunday for a Saturday.
NO_SUNDAY = ("America/Havana", "0 9 * * SUN", "2027-03-13 2027-03-14", "", "Sun 14 09:00")
TWO_SATURDAYS = (
    "America/Santiago",
    "0 9 * * SAT",
    "2027-09-04 2027-09-05",
    "Sat 04 09:00, Sun 05 09:00",
    "Sat 04 09:00",
)


@pytest.mark.parametrize(
    ("zone", "pattern", "days", "by_temporal", "here"),
    [
        DAY_AND_DATE,
        FIRST_MONDAY,
        SPRING,
        AUTUMN,
        EAST_ONCE,
        EAST_OFTEN,
        EAST_AFTER,
        HALF_AN_HOUR,
        HALF_A_GAP,
        NO_SUNDAY,
        TWO_SATURDAYS,
    ],
)
async def test_temporal_fires_otherwise(
    temporal: Client, zone: str, pattern: str, days: str, by_temporal: str, here: str
) -> None:
    cadence = Cadence(zone, pattern).validated()
    span = span_of(cadence, days)
    assert await plain(temporal, cadence, span) == by_temporal
    assert shown(cadence, cadence.between(*span)) == here
    fired = await fires(temporal, as_temporal(calendars.spec(cadence, NOW)), [span])
    assert shown(cadence, [instant for instant in fired if cadence.is_tick(instant)]) == here


@pytest.mark.parametrize(
    ("pattern", "days", "here"),
    [
        ("0 9 L * *", "2027-02-01 2027-03-31", "Sun 28 09:00, Wed 31 09:00"),
        ("0 9 * * 5L", "2027-02-01 2027-03-31", "Fri 26 09:00, Fri 26 09:00"),
    ],
)
async def test_temporal_refuses_what_means_something_here(temporal: Client, pattern: str, days: str, here: str) -> None:
    cadence = Cadence("UTC", pattern).validated()
    with pytest.raises(RPCError):
        await plain(temporal, cadence, span_of(cadence, days))
    fired = await fires(temporal, as_temporal(calendars.spec(cadence, NOW)), [span_of(cadence, days)])
    assert shown(cadence, fired) == here


@pytest.mark.parametrize(
    ("pattern", "by_temporal", "advice"),
    [
        # Six fields: the last is a year.
        ("0 9 * * 1 2028", "", "seconds and years are not supported"),
        # No such day, and nobody is told.
        ("0 9 31 2 *", "", "never fires"),
    ],
)
async def test_temporal_accepts_what_is_refused_here(
    temporal: Client, pattern: str, by_temporal: str, advice: str
) -> None:
    cadence = Cadence("UTC", pattern)
    assert await plain(temporal, cadence, span_of(cadence, "2027-01-01 2027-12-31")) == by_temporal
    with pytest.raises(CadenceError, match=advice):
        cadence.validated()


async def test_a_server_that_wakes_within_a_repeated_hour_misses_nothing_after_it(temporal: Client) -> None:
    cadence = Cadence("Europe/Berlin", "10,50 2,3 * * *").validated()
    woken = datetime(2027, 10, 31, 1, 20, tzinfo=UTC)
    span = woken, woken + timedelta(hours=3)
    assert await plain(temporal, cadence, span) == "Sun 31 03:50"
    fired = await fires(temporal, as_temporal(calendars.spec(cadence, NOW)), [span])
    assert shown(cadence, [instant for instant in fired if cadence.is_tick(instant)]) == "Sun 31 03:10, Sun 31 03:50"
