"""When a heartbeat with a spread starts: the arithmetic, and what a real Temporal server makes of its schedule."""

from datetime import timedelta

import pytest
from temporalio.client import Client

from heartbeat.domain.cadence.calendars import Calendar, Interval, Range, Spec, spec
from heartbeat.domain.cadence.spread import delayed, longest_delay, start_delay
from heartbeat.domain.cadence.ticks import Cadence
from tests.support.cadences import START, cadences, spans_of
from tests.support.temporal_schedules import as_temporal, fires

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
HOURLY = Cadence("UTC", "0 * * * *")


@pytest.mark.parametrize(
    ("cadence", "longest"),
    [
        (HOURLY, HOUR - SECOND),
        (Cadence("UTC", "50 9 * * *"), timedelta(minutes=10) - SECOND),
        (Cadence("UTC", "*/15 * * * *"), timedelta(minutes=15) - SECOND),
        (Cadence("UTC", "* * * * *"), timedelta(seconds=59)),
        (Cadence("UTC", interval_minutes=5), timedelta(minutes=5) - SECOND),
        (Cadence("UTC", interval_minutes=1440), HOUR),
        (Cadence("UTC", run_at=START), timedelta(0)),
    ],
)
def test_a_start_comes_before_the_next_tick_and_in_the_hour_of_its_own(cadence: Cadence, longest: timedelta) -> None:
    assert longest_delay(3600, cadence) == longest


def at(minute: Range, hour: Range, **days: tuple[Range, ...]) -> Calendar:
    return Calendar((minute,), (hour,), **days)


def test_a_schedule_is_later_in_all_that_it_has() -> None:
    whole = Spec(
        calendars=(at(Range(0, 0), Range(9, 9)),),
        intervals=(Interval(HOUR, HOUR - SECOND),),
        timezone="UTC",
        skip=(at(Range(50, 59), Range(22, 23)), at(Range(50, 59), Range(23, 23), month=(Range(2, 2),))),
        start=START,
        end=START + HOUR,
    )
    by = timedelta(minutes=5, seconds=7)
    assert delayed(whole, timedelta(0)) == whole
    # Of what is skipped, the last minutes of an hour are the first ones of the next: at midnight those of the next day.
    assert delayed(whole, by) == Spec(
        calendars=(Calendar((Range(5, 5),), (Range(9, 9),), second=7),),
        intervals=(Interval(HOUR, by - SECOND),),
        timezone="UTC",
        skip=(
            Calendar((Range(55, 59),), (Range(22, 23),), second=7),
            Calendar((Range(0, 4),), (Range(0, 23, 23),), second=7),
            Calendar((Range(55, 59),), (Range(23, 23),), month=(Range(2, 2),), second=7),
        ),
        start=START + by,
        end=START + HOUR + by,
    )


def test_a_heartbeat_is_always_equally_late_and_many_are_spread_evenly() -> None:
    delays = [start_delay(f"hb_{number}", 300, HOURLY) for number in range(3_000)]
    assert delays == [start_delay(f"hb_{number}", 300, HOURLY) for number in range(3_000)]
    assert {max(delays), min(delays)} == {timedelta(0), timedelta(seconds=300)}
    for minute in range(5):
        begin = timedelta(minutes=minute)
        assert 500 < sum(begin <= delay < begin + timedelta(minutes=1) for delay in delays) < 700
    assert start_delay("hb_1", 0, HOURLY) == timedelta(0)


async def test_the_schedule_fires_so_much_after_each_tick_and_after_no_other(temporal: Client) -> None:
    for number, cadence in enumerate(cadences(6, seed=22)):
        by = longest_delay(3600, cadence) if number % 2 else start_delay(f"hb_{number}", 3600, cadence)
        spans = spans_of(cadence)
        later = [(start + by, end + by) for start, end in spans]
        fired = await fires(temporal, as_temporal(delayed(spec(cadence, START), by)), later)
        # What it fires beside its ticks comes to nothing when it is opened.
        starts = [start - by for start in fired if cadence.is_tick(start - by)]
        assert starts == [tick for start, end in spans for tick in cadence.between(start, end)], cadence
