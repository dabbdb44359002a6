"""The agenda: the ticks of many cadences in one order, held against a walk through all of them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from heartbeat.domain.cadence.agenda import NAMED_A_DAY, AgendaPart, agenda, next_midnight
from heartbeat.domain.cadence.ticks import Cadence

NOW = datetime(2026, 10, 23, 22, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
CADENCES = [
    Cadence("UTC", cron_pattern="*/7 * * * *"),
    Cadence("Europe/Berlin", cron_pattern="30 2 * * *"),
    Cadence("America/New_York", cron_pattern="0 9 * * 1-5"),
    Cadence("UTC", interval_minutes=600),
    Cadence("Asia/Kolkata", cron_pattern="0 8,12,16,20 * * *"),
    Cadence("UTC", run_at=NOW + timedelta(days=1)),
    Cadence("UTC", run_at=NOW - timedelta(days=1)),
]


@pytest.mark.parametrize("zone", [UTC, BERLIN, ZoneInfo("Pacific/Apia")])
def test_each_day_of_each_has_its_first_ticks(zone: ZoneInfo) -> None:
    until = next_midnight(NOW, zone, 4)
    by_day: dict[tuple[int, object], list[datetime]] = {}
    for index, cadence in enumerate(CADENCES):
        for tick in cadence.between(NOW, until - timedelta(seconds=1)):
            by_day.setdefault((index, tick.astimezone(zone).date()), []).append(tick)
    expected = [
        (ticks[0], index, tuple(ticks[:NAMED_A_DAY]), len(ticks) > NAMED_A_DAY) for (index, _), ticks in by_day.items()
    ]
    entries = list(agenda([AgendaPart(cadence) for cadence in CADENCES], zone, NOW, until))
    assert sorted((entry.ticks[0], entry.index, entry.ticks, entry.more) for entry in entries) == sorted(expected)
    assert [entry.ticks[0] for entry in entries] == sorted(entry.ticks[0] for entry in entries)


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (0, []),
        (1, [(1, False)]),
        (5, [(3, True), (1, False)]),
        (7, [(3, True), (3, False)]),
    ],
)
def test_one_that_ends_is_counted(left: int, shown: list[tuple[int, bool]]) -> None:
    part = AgendaPart(Cadence("UTC", cron_pattern="0 0,1,2,3 * * *"), left)
    entries = list(agenda([part], UTC, NOW, NOW + timedelta(days=7)))
    assert [(len(entry.ticks), entry.more) for entry in entries] == shown


def test_a_day_ends_at_local_midnight_whatever_the_clocks_do() -> None:
    # The clocks go back in the night to the 25th.
    assert next_midnight(datetime(2026, 10, 24, 22, 0, tzinfo=UTC), BERLIN) == datetime(2026, 10, 25, 23, 0, tzinfo=UTC)
