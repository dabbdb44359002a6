"""When a heartbeat with a spread starts: the arithmetic, and what a real Temporal server makes of its schedule."""

from datetime import timedelta

import pytest
from temporalio.client import Client

from heartbeat.domain.cadence.calendars import spec
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
