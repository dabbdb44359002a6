from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile

import pytest
from cronsim import CronSim
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from heartbeat.domain.cadence.cron import MACROS, MAX_LENGTH, CadenceError, parse

JANUARY = datetime(2027, 1, 1, 0, 0)  # noqa: DTZ001 - a Friday, on a wall


def walls_after(pattern: str, wall: datetime) -> Iterator[datetime]:
    """The local times later than `wall`, for forty years."""
    return parse(pattern).walls(wall + timedelta(minutes=1), wall + timedelta(days=40 * 366))


def first(pattern: str, number: int) -> list[str]:
    return [wall.strftime("%a %d %b %H:%M") for wall in islice(walls_after(pattern, JANUARY), number)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("0 9 * * 1-5", ["Fri 01 Jan 09:00", "Mon 04 Jan 09:00", "Tue 05 Jan 09:00"]),
        ("0 9 1 * 1", ["Fri 01 Jan 09:00", "Mon 04 Jan 09:00", "Mon 11 Jan 09:00"]),
        ("0 9 */2 * 1", ["Mon 11 Jan 09:00", "Mon 25 Jan 09:00", "Mon 01 Feb 09:00"]),
        ("0 9 * * 1#2", ["Mon 11 Jan 09:00", "Mon 08 Feb 09:00", "Mon 08 Mar 09:00"]),
        ("0 9 * * 5L", ["Fri 29 Jan 09:00", "Fri 26 Feb 09:00", "Fri 26 Mar 09:00"]),
        ("0 9 L * *", ["Sun 31 Jan 09:00", "Sun 28 Feb 09:00", "Wed 31 Mar 09:00"]),
        ("0 9 15,L 2 *", ["Mon 15 Feb 09:00", "Sun 28 Feb 09:00", "Tue 15 Feb 09:00"]),
        ("0 9 * * sun", ["Sun 03 Jan 09:00", "Sun 10 Jan 09:00", "Sun 17 Jan 09:00"]),
        ("0 9 * * 7", ["Sun 03 Jan 09:00", "Sun 10 Jan 09:00", "Sun 17 Jan 09:00"]),
        ("0 9 * JAN-MAR,dec MON,3", ["Mon 04 Jan 09:00", "Wed 06 Jan 09:00", "Mon 11 Jan 09:00"]),
        ("10-50/20 8-9 * * *", ["Fri 01 Jan 08:10", "Fri 01 Jan 08:30", "Fri 01 Jan 08:50"]),
        ("  5   */12 *  * *  ", ["Fri 01 Jan 00:05", "Fri 01 Jan 12:05", "Sat 02 Jan 00:05"]),
        ("@hourly", ["Fri 01 Jan 01:00", "Fri 01 Jan 02:00", "Fri 01 Jan 03:00"]),
        ("@Daily", ["Sat 02 Jan 00:00", "Sun 03 Jan 00:00", "Mon 04 Jan 00:00"]),
        ("@weekly", ["Sun 03 Jan 00:00", "Sun 10 Jan 00:00", "Sun 17 Jan 00:00"]),
        ("@monthly", ["Mon 01 Feb 00:00", "Mon 01 Mar 00:00", "Thu 01 Apr 00:00"]),
        ("@yearly", ["Sat 01 Jan 00:00", "Mon 01 Jan 00:00", "Tue 01 Jan 00:00"]),
    ],
)
def test_a_pattern_means_what_it_means_to_cron(pattern: str, expected: list[str]) -> None:
    assert first(pattern, 3) == expected


def test_what_comes_in_leap_years_alone_is_found() -> None:
    assert [wall.year for wall in islice(walls_after("0 0 29 2 *", JANUARY), 3)] == [2028, 2032, 2036]
    assert [wall.year for wall in islice(walls_after("0 0 * 2 1#5", JANUARY), 1)] == [2044]


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("", "write the five fields minute, hour, day of month, month, day of week, such as '0 9 * * 1-5'"),
        ("   ", "write the five fields"),
        ("0 9 * *", "has 4 fields; write the five fields"),
        ("hourly", "has 1 field; write the five fields"),
        ("0 9 * * 1 2027", "has 6 fields; seconds and years are not supported; write the five fields"),
        ("0 0 9 * * 1 2027", "has 7 fields; seconds and years are not supported; write the five fields"),
        ("0 9 ? * 1", "'?' is not supported; write * instead"),
        ("0 9 15W * *", "W (nearest weekday) is not supported; write L"),
        ("0 9 LW * *", "W (nearest weekday) is not supported; write L"),
        ("@reboot", "@reboot is not supported, a heartbeat has no start-up; write @hourly"),
        ("@every 5m", "@every is not supported; give `interval_minutes` instead"),
        ("@fortnightly", "'@fortnightly' is not known; write @hourly, @daily, @weekly, @monthly or @yearly"),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", "give the zone in `timezone`"),
        ("0 0 31 2 *", "never fires: no month it names has such a day; write L"),
        ("0 0 30 2 *", "never fires: no month it names has such a day; write L"),
        ("0 0 31 4,6,9,11 *", "never fires: no month it names has such a day; write L"),
        ("0 0 */31 2 1#5", "never fires: no such day exists; write L"),
        ("60 9 * * *", "minute '60' is not valid; write *, 0 to 59"),
        ("0 24 * * *", "hour '24' is not valid; write *, 0 to 23"),
        ("0 22-6 * * *", "hour '22-6' is not valid"),
        ("0 9 0 * *", "day of month '0' is not valid; write *, 1 to 31, or L for the last day"),
        ("0 9 L-3 * *", "day of month 'L-3' is not valid"),
        ("0 9 * 13 *", "month '13' is not valid; write *, 1 to 12 or JAN to DEC"),
        ("0 9 * * L", "day of week 'L' is not valid; write *, 0 to 7 or SUN to SAT"),
        ("0 9 * * 1#6", "day of week '1#6' is not valid"),
        ("0 9 * * FRI-MON", "day of week 'FRI-MON' is not valid"),
        ("*/0 * * * *", "minute '*/0' is not valid"),
        ("0 9 * * ¹", "write the five fields"),
        ("0 9\x00 * * *", "write the five fields"),
        ("1," * MAX_LENGTH, f"is longer than {MAX_LENGTH} characters; write the five fields"),
    ],
)
def test_what_is_no_pattern_is_refused_with_advice(pattern: str, advice: str) -> None:
    with pytest.raises(CadenceError) as caught:
        parse(pattern)
    assert caught.value.field == "cron_pattern"
    assert advice in caught.value.message


@settings(deadline=None)
@given(st.text(max_size=30) | st.text("0123456789*/,-L#?W@ MONFEB", max_size=30) | st.sampled_from(sorted(MACROS)))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    try:
        walls = walls_after(text, JANUARY)
    except CadenceError:
        return
    assert next(walls) > JANUARY


def field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    """A field of a pattern: stars, numbers, rising ranges and steps in a list."""
    number = st.integers(low, high)
    rising = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    item = (
        number.map(str)
        | rising
        | st.tuples(rising | st.just("*"), st.integers(1, 20)).map(lambda it: f"{it[0]}/{it[1]}")
    )
    return st.lists(item | st.sampled_from(["*", *more]), min_size=1, max_size=3).map(",".join)


patterns = st.tuples(
    field(0, 59), field(0, 23), field(1, 31, "L"), field(1, 12, "FEB"), field(0, 7, "5L", "1#2", "MON#5", "SUN")
).map(" ".join)


@settings(deadline=None)
@given(patterns, st.datetimes(datetime(2027, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - times on a wall
def test_every_pattern_names_the_times_cronsim_names(pattern: str, wall: datetime) -> None:
    wall = wall.replace(second=0, microsecond=0)
    try:
        cron = parse(pattern)
    except CadenceError:
        reject()
    assert list(islice(walls_after(pattern, wall), 5)) == list(islice(CronSim(pattern, wall), 5))
    minutes = [wall + timedelta(minutes=number) for number in range(1, 181)]
    expected = list(takewhile(lambda time: time <= minutes[-1], CronSim(pattern, wall)))
    assert [minute for minute in minutes if cron.shows(minute)] == expected
