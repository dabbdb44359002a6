"""What people say without cron and the pattern of it are the same ticks, both ways."""

from datetime import UTC, datetime
from itertools import islice
from typing import get_args

import pytest

from heartbeat.domain.cadence.cron import LAST, CadenceError, parse
from heartbeat.domain.cadence.frequency import Frequency, Kind, interval_of, of_interval, of_pattern, pattern_of
from heartbeat.domain.cadence.ticks import Cadence

F = Frequency
PATTERNS = {
    "0 9 * * *": F("daily"),
    "5 0 * * *": F("daily", time="00:05"),
    "59 23 * * *": F("daily", time="23:59"),
    "0 9 * * 1-5": F("weekdays"),
    "0 9 * * 1": F("weekly", days=(1,)),
    "0 9 * * 1,3,0": F("weekly", days=(1, 3, 7)),
    "0 9 * * 6,0": F("weekly", days=(6, 7)),
    "30 6 1 * *": F("monthly", time="06:30"),
    "0 9 31 * *": F("monthly", day=31),
    "0 9 L * *": F("last_day"),
    "0 9 * * 1#1": F("nth_weekday"),
    "0 9 * * 0#2": F("nth_weekday", nth=2, weekday=7),
    "0 9 * * 6#5": F("nth_weekday", nth=5, weekday=6),
    "0 9 * * 5L": F("nth_weekday", nth=LAST, weekday=5),
    "0 9 * * 0L": F("nth_weekday", nth=LAST, weekday=7),
}
# Other ways to write the same, which is said as the frequency and written back as the pattern.
SAME = {
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "00 09 * * *": "0 9 * * *",
    "0 9 1-31 * *": "0 9 * * *",
    "0 9 */1 */1 *": "0 9 * * *",
    "0 9 * 1-12 *": "0 9 * * *",
    "0 9 * * 0-6": "0 9 * * *",
    "0 9 * * 1-7": "0 9 * * *",
    "0 9 * * MON-FRI": "0 9 * * 1-5",
    "0 9 * * 5,4,3,2,1": "0 9 * * 1-5",
    "0 9 * * mon,wed": "0 9 * * 1,3",
    "0 9 * * 7": "0 9 * * 0",
    "0  9   L JAN-DEC *": "0 9 L * *",
    "0 9 * * FRI#1": "0 9 * * 5#1",
    "0-0 9/24 * * *": "0 9 * * *",
}
# These say more than a frequency does, or are due at other instants.
NONE = [
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "@hourly",
    "0 */2 * * *",
    "*/60 9 * * *",
    "0 9,17 * * *",
    "0,30 9 * * *",
    "0 9-17 * * 1-5",
    "@yearly",
    "0 9 * 1 *",
    "0 9 1,15 * *",
    "0 9 15,L * *",
    "0 9 13 * 5",
    "0 9 1-31 * 1",
    "0 9 */2 * 1",
    "0 9 */2 * *",
    "0 9 L * 5",
    "0 9 L * */2",
    "0 9 * * 1#1,2#1",
    "0 9 * * 1#1,1#3",
    "0 9 * * 5L,1",
    "0 9 29 2 *",
]
ZONES = ["UTC", "America/New_York", "Australia/Lord_Howe"]
START = datetime(2026, 2, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("pattern", "frequency"), PATTERNS.items())
def test_a_frequency_and_its_pattern_say_each_other(pattern: str, frequency: Frequency) -> None:
    assert pattern_of(frequency) == pattern
    assert of_pattern(pattern) == frequency
    assert interval_of(frequency) is None
    assert of_pattern(pattern.replace(" ", "  ")) == frequency


@pytest.mark.parametrize(("pattern", "plain"), SAME.items())
def test_a_pattern_written_otherwise_is_said_too_and_names_the_same_days_and_times(pattern: str, plain: str) -> None:
    frequency = of_pattern(pattern)
    assert pattern_of(frequency) == plain
    before, after = parse(pattern), parse(plain)
    assert (before.times, before.fixed_time) == (after.times, after.fixed_time)
    for zone in ZONES:
        ticks = [list(islice(Cadence(zone, text).ticks(START), 24)) for text in (pattern, plain)]
        assert ticks[0] == ticks[1]


@pytest.mark.parametrize("pattern", NONE)
def test_a_pattern_that_says_more_is_no_frequency(pattern: str) -> None:
    parse(pattern)
    assert of_pattern(pattern) is None


@pytest.mark.parametrize("pattern", ["", "9 o'clock", "0 9 * *", "61 9 * * *", "0 9 31 2 *", "@reboot"])
def test_what_is_no_pattern_is_refused_with_advice(pattern: str) -> None:
    with pytest.raises(CadenceError) as problem:
        of_pattern(pattern)
    assert problem.value.field == "cron_pattern"


@pytest.mark.parametrize(
    ("minutes", "frequency"),
    [
        (1, F("minutes", 1)),
        (30, F("minutes", 30)),
        (59, F("minutes", 59)),
        (60, F("hours", 1)),
        (90, F("minutes", 90)),
        (120, F("hours", 2)),
        (1440, F("hours", 24)),
        (527_040, F("hours", 8784)),
    ],
)
def test_an_interval_is_said_in_hours_where_it_is_whole_hours(minutes: int, frequency: Frequency) -> None:
    assert of_interval(minutes) == frequency
    assert interval_of(frequency) == minutes
    assert pattern_of(frequency) is None


def test_weekly_on_every_day_is_daily_and_on_five_days_weekdays() -> None:
    assert of_pattern(pattern_of(F("weekly", days=(7, 1, 2, 3, 4, 5, 6)))) == F("daily")
    assert of_pattern(pattern_of(F("weekly", days=(5, 4, 3, 2, 1, 1)))) == F("weekdays")


@pytest.mark.parametrize(
    ("frequency", "field"),
    [
        (F("daily", time=""), "time"),
        (F("daily", time="24:00"), "time"),
        (F("daily", time="9:60"), "time"),
        (F("daily", time="nine"), "time"),
        (F("weekly"), "days"),
        (F("weekly", days=(8,)), "days"),
        (F("monthly", day=0), "day"),
        (F("monthly", day=32), "day"),
        (F("nth_weekday", nth=6), "nth"),
        (F("nth_weekday", nth=0), "nth"),
        (F("nth_weekday", weekday=0), "nth"),
    ],
)
def test_what_is_left_open_is_asked_for_by_its_field(frequency: Frequency, field: str) -> None:
    with pytest.raises(CadenceError) as problem:
        pattern_of(frequency)
    assert problem.value.field == field


def test_every_kind_is_in_these_tables() -> None:
    said = {frequency.kind for frequency in PATTERNS.values()} | {"minutes", "hours"}
    assert said == set(get_args(Kind))


def test_every_time_of_day_is_said_back() -> None:
    for minute in range(24 * 60):
        time = f"{minute // 60:02}:{minute % 60:02}"
        assert of_pattern(pattern_of(F("daily", time=time))).time == time


@pytest.mark.parametrize(
    ("day", "said"),
    [(1, "first"), (4, "fourth"), (11, "11th"), (13, "13th"), (21, "21st"), (22, "22nd"), (23, "23rd"), (30, "30th")],
)
def test_a_day_of_the_month_is_counted_as_people_do(day: int, said: str) -> None:
    assert Cadence("UTC", f"0 9 {day} * *").sentence() == f"At 09:00, on the {said} day of every month, UTC"
