from datetime import UTC, datetime, timedelta

from temporalio.client import Client

from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.calendars import Calendar, Interval, Range, Spec, spec
from heartbeat.domain.cadence.ticks import Cadence
from tests.support.cadences import cadences
from tests.support.temporal_schedules import as_temporal, fires

NOW = datetime(2027, 1, 1, tzinfo=UTC)
NINE = (Range(0, 0),), (Range(9, 9),)
MINUTE = timedelta(minutes=1)


def of(pattern: str, zone: str = "UTC", **limits: str) -> Spec:
    return spec(Cadence(zone, pattern, **limits).validated(), NOW)  # type: ignore[arg-type]


def test_a_plain_pattern_is_one_calendar() -> None:
    assert of("0 9 * * 1-5") == Spec((Calendar(*NINE, day_of_week=(Range(1, 5),)),), (), "UTC")
    [calendar] = of("*/15 9-17,20 1,15 */3 *").calendars
    assert calendar.minute == (Range(0, 45, 15),)
    assert calendar.hour == (Range(9, 17), Range(20, 20))
    assert calendar.day_of_month == (Range(1, 15, 14),)
    assert calendar.month == (Range(1, 10, 3),)


def test_day_of_month_or_day_of_week_is_two_calendars() -> None:
    first, monday = of("0 9 1 * 1").calendars
    assert (first.day_of_month, first.day_of_week) == ((Range(1, 1),), (Range(0, 6),))
    assert (monday.day_of_month, monday.day_of_week) == ((Range(1, 31),), (Range(1, 1),))


def test_the_second_monday_is_a_monday_from_the_8th_to_the_14th() -> None:
    [calendar] = of("0 9 * * 1#2").calendars
    assert (calendar.day_of_month, calendar.day_of_week) == ((Range(8, 14),), (Range(1, 1),))
    [fifth] = of("0 9 * * MON#5").calendars
    assert fifth.day_of_month == (Range(29, 31),)


def test_the_last_day_is_one_calendar_for_each_length_of_month() -> None:
    last = [
        (calendar.day_of_month[0].start, calendar.month, bool(calendar.year)) for calendar in of("0 9 L * *").calendars
    ]
    assert last == [
        (31, (Range(1, 1), Range(3, 3), Range(5, 5), Range(7, 8), Range(10, 10), Range(12, 12)), False),
        (30, (Range(4, 4), Range(6, 6), Range(9, 9), Range(11, 11)), False),
        (29, (Range(2, 2),), False),
        (28, (Range(2, 2),), True),
    ]
    assert len(of("0 9 L 4-6 *").calendars) == 2
    assert len(of("0 9 * * 5L").calendars) == 4


def test_an_interval_keeps_its_anchor() -> None:
    anchor = datetime(2027, 1, 1, 0, 7, 30, tzinfo=UTC)
    schedule = spec(Cadence("Europe/Berlin", interval_minutes=30, anchor=anchor), NOW)
    assert schedule == Spec((), (Interval(timedelta(minutes=30), timedelta(minutes=7)),), "Europe/Berlin")


def test_the_same_minutes_of_every_hour_are_intervals_no_turn_can_touch() -> None:
    assert of("*/5 * * * *", "Europe/Berlin").intervals == (Interval(5 * MINUTE, 0 * MINUTE),)
    assert of("0 * * * *", "Asia/Kolkata").intervals == (Interval(60 * MINUTE, 30 * MINUTE),)
    assert of("7,22 * * * *", "Europe/Berlin").intervals == tuple(Interval(60 * MINUTE, at * MINUTE) for at in (7, 22))
    assert of("*/5 * * * *", "Australia/Lord_Howe").calendars


def test_a_gap_has_its_tick_by_date_this_year_and_two_more() -> None:
    _, *dated = of("30 2 * * *", "America/New_York").calendars
    assert [calendar.comment for calendar in dated] == [
        f"02:00 to 03:00 is skipped on {day}" for day in ("2027-03-14", "2028-03-12", "2029-03-11")
    ]
    first = Calendar((Range(0, 0),), (Range(3, 3),), (Range(14, 14),), (Range(3, 3),), year=(Range(2027, 2027),))
    assert dated[0] == Calendar(**{**vars(first), "comment": dated[0].comment})


def test_what_no_turn_concerns_is_left_alone() -> None:
    for zone in ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana"):
        schedule = of("0 9 * * *", zone)
        assert (len(schedule.calendars), schedule.intervals) == (1, ())


def test_times_outside_the_active_hours_and_days_are_skipped() -> None:
    schedule = of("*/10 * * * *", active_hours_start="09:15", active_hours_end="17:00", active_days="1,2,3,4,5")
    hours, quarter, weekend = schedule.skip
    assert hours.hour == (Range(0, 8), Range(17, 23))
    assert (quarter.hour, quarter.minute) == ((Range(9, 9),), (Range(0, 14),))
    assert weekend.day_of_week == (Range(0, 6, 6),)
    assert of("*/10 * * * *").skip == ()


def test_the_spec_changes_only_with_the_year() -> None:
    for cadence in cadences(60, seed=3):
        first, last = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, 23, 59, tzinfo=UTC)
        assert spec(cadence, first) == spec(cadence, last)


def test_a_schedule_stays_small_whatever_the_zone() -> None:
    """A few entries for what people write; the most for every minute of Sundays where two hours come twice."""
    usual = [of("30 2 * * 1-5", zone) for zone in zones.names()] + [of("0 */2 * * *", zone) for zone in zones.names()]
    assert max(len(schedule.calendars) + len(schedule.intervals) for schedule in usual) <= 24
    dense = max((of("* * * * 0", zone) for zone in zones.names()), key=lambda schedule: len(schedule.intervals))
    assert dense.timezone == "Antarctica/Troll"
    assert len(dense.intervals) <= 1000


async def test_the_server_takes_the_largest_spec(temporal: Client) -> None:
    cadence = Cadence("Antarctica/Troll", "* * * * 0").validated()
    start = datetime(2029, 10, 27, 12, tzinfo=UTC)
    fired = await fires(temporal, as_temporal(spec(cadence, NOW)), [(start, start + timedelta(days=2))])
    assert fired == cadence.between(start, start + timedelta(days=2))
    assert len(fired) == 26 * 60
