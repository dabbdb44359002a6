from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from tests.support.cadence_references import by_the_wall
from tests.support.cadences import cadences
from tests.support.rows import every_row

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def day_of(zone: ZoneInfo, day: str) -> tuple[datetime, datetime]:
    """The minute before a day begins on the wall, and its last minute."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone)
    return midnight.astimezone(UTC) - MINUTE, (midnight + DAY).astimezone(UTC) - MINUTE


def on(cadence: Cadence, day: str) -> list[str]:
    """The ticks of a day as the wall shows them, with the offset."""
    ticks = cadence.between(*day_of(cadence.zone, day))
    return [tick.astimezone(cadence.zone).strftime("%H:%M%z") for tick in ticks]


def limited(cadence: Cadence, hours: tuple[str, str] | None = None, days: str | None = None) -> Cadence:
    """The cadence with active hours and days."""
    start, end = hours or (None, None)
    return replace(cadence, active_hours_start=start, active_hours_end=end, active_days=days)


DAILY, OFFICE, NIGHT = Cadence("UTC", "0 9 * * *"), ("09:00", "17:00"), ("22:00", "02:00")


@pytest.mark.parametrize(
    ("zone", "pattern", "day", "expected"),
    [
        # A fixed time in a skipped hour: once, at the first instant after it.
        ("America/New_York", "30 2 * * *", "2027-03-14", ["03:00-0400"]),
        ("America/New_York", "0,30 2 * * *", "2027-03-14", ["03:00-0400"]),
        ("America/New_York", "30 2,3 * * *", "2027-03-14", ["03:00-0400", "03:30-0400"]),
        ("America/New_York", "0 2,3 * * *", "2027-03-14", ["03:00-0400"]),
        ("Europe/Berlin", "59 2 * * *", "2027-03-28", ["03:00+0200"]),
        ("America/Santiago", "30 0 * * *", "2027-09-05", ["01:00-0300"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2027-10-03", ["02:30+1100"]),
        ("Pacific/Chatham", "0 3 * * *", "2027-09-26", ["03:45+1345"]),
        ("Antarctica/Troll", "30 1,2 * * *", "2027-03-28", ["03:00+0200"]),
        # A fixed time in a repeated hour: once, the first time.
        ("America/New_York", "30 1 * * *", "2027-11-07", ["01:30-0400"]),
        ("Europe/Berlin", "0,30 2 * * *", "2027-10-31", ["02:00+0200", "02:30+0200"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2027-04-04", ["01:45+1100"]),
        ("Antarctica/Troll", "30 1,2 * * *", "2027-10-31", ["01:30+0200", "02:30+0200"]),
        # Every so many minutes or hours: whenever the wall shows it.
        ("America/New_York", "*/30 2 * * *", "2027-03-14", []),
        ("America/New_York", "30 */2 * * *", "2027-03-14", [f"{hour:02}:30-0{5 if hour < 2 else 4}00" for hour in
                                                            (0, *range(4, 24, 2))]),
        ("America/New_York", "*/30 1 * * *", "2027-11-07", ["01:00-0400", "01:30-0400", "01:00-0500", "01:30-0500"]),
        ("Europe/Berlin", "*/30 2 * * *", "2027-10-31", ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
        ("Australia/Lord_Howe", "*/15 1 * * *", "2027-04-04",
         ["01:00+1100", "01:15+1100", "01:30+1100", "01:45+1100", "01:30+1030", "01:45+1030"]),
        ("Australia/Lord_Howe", "*/15 2 * * *", "2027-10-03", ["02:30+1100", "02:45+1100"]),
        # No turn at all.
        ("Asia/Kolkata", "30 2 * * *", "2027-03-28", ["02:30+0530"]),
        ("UTC", "30 2 * * *", "2027-03-28", ["02:30+0000"]),
    ],
)  # fmt: skip
def test_ticks_when_clocks_are_turned(zone: str, pattern: str, day: str, expected: list[str]) -> None:
    assert on(Cadence(zone, pattern).validated(), day) == expected


@pytest.mark.parametrize(
    ("zone", "pattern", "day", "by_cronsim"),
    [
        # Half an hour is repeated: cronsim goes back from the second pass and skips the hour that follows.
        ("Australia/Lord_Howe", "0 */3 * * *", "2027-04-04", "00:00 06:00 09:00 12:00 15:00 18:00 21:00"),
        # Midnight is skipped: cronsim starts the day late, so an early hour is lost on a day it has to search for ...
        ("Atlantic/Azores", "*/30 1 * * 0", "2027-03-28", ""),
        ("America/Santiago", "*/30 1 * * 0", "2027-09-05", ""),
        # ... or fires at a time that is none of the pattern's.
        ("Asia/Beirut", "0 */12 * * 0", "2027-03-28", "01:00 12:00"),
    ],
)
def test_where_cronsim_is_wrong_the_clock_on_the_wall_decides(
    zone: str, pattern: str, day: str, by_cronsim: str
) -> None:
    cadence = Cadence(zone, pattern).validated()
    start, end = day_of(cadence.zone, day)
    ticks = (tick.astimezone(UTC) for tick in CronSim(pattern, start.astimezone(cadence.zone)))
    assert shown(cadence, takewhile(lambda tick: tick <= end, ticks)) == by_cronsim
    right = cadence.between(start, end)
    assert right == by_the_wall(cadence, start, end)
    assert shown(cadence, right) != by_cronsim


def shown(cadence: Cadence, ticks: Iterable[datetime]) -> str:
    return " ".join(tick.astimezone(cadence.zone).strftime("%H:%M") for tick in ticks)


def test_where_cronsim_goes_in_circles_there_are_ticks() -> None:
    """At 03:45 in Chatham the clocks go back to 02:45. From 03:44 cronsim goes back to 03:00, for ever."""
    chatham = ZoneInfo("Pacific/Chatham")
    circling = islice(CronSim("* 3 * * *", datetime(2027, 4, 4, tzinfo=chatham)), 1000)
    assert len({tick.astimezone(UTC) for tick in circling}) == 45
    times = [f"{time}{offset}" for offset in ("+1345", "+1245") for time in ("03:00", "03:30")]
    assert on(Cadence("Pacific/Chatham", "*/30 3 * * *").validated(), "2027-04-04") == times


def test_is_tick_knows_the_ticks_and_no_others() -> None:
    with every_row() as row:
        for cadence in cadences(40, seed=7):
            with row(cadence):
                _knows_the_ticks_and_no_others(cadence)


def _knows_the_ticks_and_no_others(cadence: Cadence) -> None:
    turn = next(
        zones.transitions_between(cadence.zone, datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)),
        None,
    )
    start = (turn.at if turn else datetime(2027, 3, 28, tzinfo=UTC)) - 5 * HOUR
    minutes = [start + number * MINUTE for number in range(1, 601)]
    assert [minute for minute in minutes if cadence.is_tick(minute)] == cadence.between(start, minutes[-1])
    assert not any(cadence.is_tick(minute + timedelta(seconds=1)) for minute in minutes[:90])


def test_ticks_are_later_than_the_start_and_not_later_than_the_end() -> None:
    cadence = Cadence("UTC", "0 * * * *")
    noon = datetime(2027, 6, 1, 12, tzinfo=UTC)
    assert cadence.next_after(noon) == noon + HOUR
    assert cadence.next_after(noon - timedelta(microseconds=1)) == noon
    assert cadence.between(noon, noon + 2 * HOUR) == [noon + HOUR, noon + 2 * HOUR]
    assert cadence.next_after(noon.astimezone(ZoneInfo("Asia/Tokyo"))) == noon + HOUR


def test_an_interval_counts_real_time_from_its_anchor() -> None:
    anchor = datetime(2027, 3, 1, 10, 17, 42, tzinfo=UTC)
    cadence = Cadence("Europe/Berlin", interval_minutes=90, anchor=anchor).validated()
    # 03:17 comes an hour and a half after 00:47: the clocks are turned in between.
    assert on(cadence, "2027-03-28")[:3] == ["00:47+0100", "03:17+0200", "04:47+0200"]
    assert cadence.next_after(anchor - 2 * HOUR) == datetime(2027, 3, 1, 8, 47, tzinfo=UTC)
    # Where the counting begins nothing is due yet.
    start, first = datetime(2027, 3, 1, 10, 17, tzinfo=UTC), datetime(2027, 3, 1, 11, 47, tzinfo=UTC)
    assert cadence.next_after(start - MINUTE) == cadence.next_after(start) == first
    assert (cadence.is_tick(start), cadence.is_tick(first)) == (False, True)


def test_active_hours_and_days_cut_either_form() -> None:
    pattern = limited(Cadence("Europe/Berlin", "0 8-17/3 * * *"), OFFICE, "1,2,3,4,5").validated()
    assert on(pattern, "2027-06-04") == ["11:00+0200", "14:00+0200"]
    assert on(pattern, "2027-06-05") == []
    interval = limited(Cadence("Europe/Berlin", interval_minutes=240), OFFICE, "5").validated()
    assert on(interval, "2027-06-04") == ["10:00+0200", "14:00+0200"]
    assert on(interval, "2027-06-07") == []


def test_the_start_of_the_active_hours_is_within_them_and_the_end_is_not() -> None:
    cadence = limited(Cadence("UTC", "*/30 * * * *"), ("09:30", "10:30")).validated()
    assert on(cadence, "2027-06-04") == ["09:30+0000", "10:00+0000"]


def test_active_hours_may_cross_midnight_and_the_day_is_the_ticks_own() -> None:
    night = ["00:00+0000", "01:00+0000", "22:00+0000", "23:00+0000"]
    assert on(limited(Cadence("UTC", "0 * * * *"), NIGHT).validated(), "2027-06-04") == night
    friday = limited(Cadence("UTC", "0 * * * *"), NIGHT, "5").validated()
    assert on(friday, "2027-06-04") == night
    assert on(friday, "2027-06-05") == []


def test_a_tick_made_up_for_counts_at_the_time_it_runs() -> None:
    until_three = limited(Cadence("Europe/Berlin", "30 2 * * *"), ("02:00", "03:00")).validated()
    assert on(until_three, "2027-03-28") == []
    assert on(until_three, "2027-03-29") == ["02:30+0200"]


@pytest.mark.parametrize(
    ("cadence", "field", "advice"),
    [
        (Cadence("Europe/Berlyn", "0 9 * * *"), "timezone", "write 'Europe/Berlin'"),
        (Cadence("New York", "0 9 * * *"), "timezone", "write 'America/New_York'"),
        (Cadence("america/new_york", "0 9 * * *"), "timezone", "write 'America/New_York'"),
        (Cadence("PST", "0 9 * * *"), "timezone", "write 'America/Los_Angeles'"),
        (Cadence("UTC+2", "0 9 * * *"), "timezone", "the name of a place with that offset"),
        (Cadence("", "0 9 * * *"), "timezone", "an IANA name such as"),
        (Cadence("../../etc/passwd", "0 9 * * *"), "timezone", "an IANA name such as"),
        (Cadence("Factory", "0 9 * * *"), "timezone", "is not a time zone"),
        (Cadence("UTC", "99 * * * *"), "cron_pattern", "minute '99'"),
        (Cadence("UTC"), "cron_pattern", "either cron_pattern or interval_minutes"),
        (Cadence("UTC", "0 9 * * *", 30), "cron_pattern", "and not both"),
        (Cadence("UTC", interval_minutes=0), "interval_minutes", "from 1 to 527040"),
        (Cadence("UTC", interval_minutes=-5), "interval_minutes", "from 1 to 527040"),
        (Cadence("UTC", interval_minutes=10**9), "interval_minutes", "from 1 to 527040"),
        (Cadence("UTC", "0 9 * * *", active_hours_start="09:00"), "active_hours_end", "give both ends"),
        (Cadence("UTC", "0 9 * * *", active_hours_end="09:00"), "active_hours_start", "give both ends"),
        (limited(DAILY, ("9:00", "17:00")), "active_hours_start", "write 00:00"),
        (limited(DAILY, ("09:00", "24:00")), "active_hours_end", "midnight is"),
        (limited(DAILY, ("09:00", "09:00")), "active_hours_end", "leave both out"),
        (limited(DAILY, days=""), "active_days", "write 1 (Monday) to 7 (Sunday)"),
        (limited(DAILY, days="0,1"), "active_days", "write 1 (Monday) to 7 (Sunday)"),
        (limited(DAILY, days="mon"), "active_days", "write 1 (Monday) to 7 (Sunday)"),
        (Cadence("UTC", "0 9 * * 1", active_days="2,3"), "active_days", "cut out every tick"),
        (limited(DAILY, ("10:00", "08:00")), "active_hours_start", "cut out"),
        (limited(Cadence("UTC", None, 1440), ("10:00", "11:00")), "active_hours_start", "cut out every tick"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_naming_the_field(cadence: Cadence, field: str, advice: str) -> None:
    with pytest.raises(CadenceError) as caught:
        cadence.validated()
    assert caught.value.field == field
    assert advice in caught.value.message


def test_an_interval_within_the_active_hours_for_half_the_year_is_valid() -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    summer = Cadence(
        "Europe/Berlin", None, 1440, noon, active_hours_start="14:00", active_hours_end="15:00"
    ).validated()
    assert summer.next_after(noon) == datetime(2027, 3, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["EST", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "Asia/Calcutta"])
def test_fixed_offsets_and_old_names_are_zones(zone: str) -> None:
    assert Cadence(zone, "0 9 * * *").validated().next_after(datetime(2027, 1, 1, tzinfo=UTC))


def test_ticks_end_where_nothing_comes_in_thirty_years() -> None:
    cut = Cadence("UTC", "0 9 29 2 *", active_hours_start="10:00", active_hours_end="11:00")
    assert cut.next_after(datetime(2027, 1, 1, tzinfo=UTC)) is None
    monday = Cadence("UTC", "0 9 29 2 *", active_days="1").validated()
    assert [tick.year for tick in monday.ticks(datetime(2027, 1, 1, tzinfo=UTC))] == [2044]


@pytest.mark.parametrize(
    ("cadence", "gap"),
    [
        (Cadence("UTC", "* * * * *"), MINUTE),
        (Cadence("UTC", "*/7 * * * *"), 4 * MINUTE),
        (Cadence("UTC", "0 9-17 * * 1-5"), HOUR),
        (Cadence("UTC", "0,59 9 * * *"), 59 * MINUTE),
        (Cadence("UTC", "59 23 1 * *"), 28 * DAY),
        (Cadence("UTC", "0 0,23 * * *"), HOUR),
        (Cadence("UTC", "0 0,23 * * 1"), 23 * HOUR),
        (Cadence("UTC", "0 9 1 * 1"), DAY),
        (Cadence("UTC", "0 9 L,1 * *"), DAY),
        (Cadence("UTC", "0 9 29 2 *"), 1461 * DAY),
        (Cadence("UTC", "*/5 * * * *", active_hours_start="09:00", active_hours_end="09:05"), DAY),
        (limited(DAILY, days="1,3"), 2 * DAY),
        (Cadence("America/New_York", "0 1,2 * * *"), HOUR),
        (Cadence("UTC", interval_minutes=45), 45 * MINUTE),
    ],
    ids=str,
)
def test_the_shortest_gap(cadence: Cadence, gap: timedelta) -> None:
    assert cadence.validated().shortest_gap() == gap


@pytest.mark.parametrize(
    ("cadence", "sentence"),
    [
        (Cadence("America/New_York", "0 9 * * 1-5"), "At 09:00, Monday to Friday, New York time"),
        (Cadence("America/New_York", "0 9 * * MON,FRI"), "At 09:00, on Monday and Friday, New York time"),
        (Cadence("UTC", "*/5 * * * *"), "Every 5 minutes, UTC"),
        (Cadence("Etc/UTC", "*/15 9-16 * * *"), "Every 15 minutes from 09:00 to 16:59, UTC"),
        (Cadence("UTC", "@hourly"), "At the start of every hour, UTC"),
        (Cadence("UTC", "0 */6 * * *"), "At the start of every sixth hour, UTC"),
        (Cadence("UTC", "30 6,18 * * *"), "At 06:30 and 18:30, UTC"),
        (Cadence("Europe/Berlin", "0 9 1 * 1"), "At 09:00, on the first day of the month and on Monday, Berlin time"),
        (Cadence("Europe/Berlin", "0 9 * * 1#2"), "At 09:00, on the second Monday of the month, Berlin time"),
        (Cadence("Europe/Berlin", "0 9 * * 5L"), "At 09:00, on the last Friday of the month, Berlin time"),
        (Cadence("Europe/Berlin", "0 9 L * *"), "At 09:00, on the last day of every month, Berlin time"),
        (Cadence("Etc/GMT+5", "0 9 1 1 *"), "At 09:00, on January 1, Etc/GMT+5"),
        (Cadence("UTC", interval_minutes=1), "Every minute, UTC"),
        (Cadence("UTC", interval_minutes=90), "Every 90 minutes, UTC"),
        (Cadence("UTC", interval_minutes=120), "Every 2 hours, UTC"),
        (Cadence("UTC", interval_minutes=1440), "Every day, UTC"),
        (limited(Cadence("Europe/Berlin", interval_minutes=30), OFFICE, "1,2,3,4,5"),
         "Every 30 minutes, between 09:00 and 17:00, Monday to Friday, Berlin time"),
        (Cadence("UTC", interval_minutes=60, active_days="7,1"), "Every hour, on Monday and Sunday, UTC"),
    ],
)  # fmt: skip
def test_the_sentence(cadence: Cadence, sentence: str) -> None:
    assert cadence.validated().sentence() == sentence


def test_every_generated_cadence_has_a_sentence() -> None:
    for cadence in cadences(300, seed=11):
        assert cadence.sentence()[0].isupper()
