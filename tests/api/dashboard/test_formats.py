"""How times, amounts and reasons read. Pure: no store, no application."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.dashboard import zones
from api.dashboard.views import formats, heartbeats, runs
from heartbeat.store.database.pages import Page
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.heartbeats import Heartbeat

NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(milliseconds=300), "now"),
        (timedelta(seconds=40), "in 40 s"),
        (timedelta(minutes=4, seconds=59), "in 4 min"),
        (timedelta(hours=3, minutes=20), "in 3 h 20 min"),
        (timedelta(hours=3), "in 3 h"),
        (timedelta(hours=26), "in 26 h"),
        (timedelta(days=5), "in 5 days"),
        (timedelta(seconds=-12), "12 s ago"),
        (timedelta(days=-400), "400 days ago"),
    ],
)
def test_times_seen_from_now(away: timedelta, text: str) -> None:
    assert formats.relative(NOW + away, NOW) == text


@pytest.mark.parametrize(
    ("instant", "zone", "text"),
    [
        (NOW + timedelta(minutes=30), "UTC", "today, 23:00"),
        (NOW + timedelta(minutes=30), "Europe/Berlin", "tomorrow, 00:00"),
        (NOW - timedelta(days=1), "UTC", "yesterday, 22:30"),
        (NOW + timedelta(days=4), "UTC", "Tue 24 Nov, 22:30"),
        (NOW + timedelta(days=60), "UTC", "Tue 19 Jan 2027, 22:30"),
    ],
)
def test_the_wall_is_the_heartbeats(instant: datetime, zone: str, text: str) -> None:
    shown = formats.moment(instant, ZoneInfo(zone), NOW if zone == "UTC" else NOW - timedelta(hours=1))
    assert shown.clock == text
    assert datetime.fromisoformat(shown.iso) == instant


def test_the_readers_zone_comes_before_the_heartbeats() -> None:
    zones.use("America/New_York")
    try:
        shown = formats.moment(NOW, ZoneInfo("Europe/Berlin"), NOW - timedelta(hours=1))
        assert (shown.clock, shown.zone, shown.there) == ("today, 17:30", "EST", "today, 23:30 CET")
        zones.use("Europe/Paris")
        assert formats.moment(NOW, ZoneInfo("Europe/Berlin"), NOW).there == ""
    finally:
        zones.use("")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "localtime", "Europe/Berlin; x"])
def test_what_is_no_zone_is_none(name: str) -> None:
    zones.use(name)
    assert zones.reader_zone() is None


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0.0 s"), (449, "0.4 s"), (9_940, "9.9 s"), (38_000, "38 s"), (125_000, "2 min 5 s"), (59_900, "1 min 0 s")],
)
def test_how_long_it_took(milliseconds: int, text: str) -> None:
    assert formats.took(milliseconds) == text


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (0, ""),
        (1, "under $0.0001"),
        (99_999, "under $0.0001"),
        (100_000, "$0.0001"),
        (1_234_000, "$0.0012"),
        (750_000_000, "$0.75"),
        (1_250_000_000, "$1.25"),
        (1_234_567_890_000, "$1,234.57"),
    ],
)
def test_what_it_really_cost(nano_usd: int, text: str) -> None:
    assert formats.dollars(nano_usd) == text


def test_a_long_text_is_cut_where_it_says_least() -> None:
    assert formats.start("two\n words", 20) == "two words"
    assert formats.start("word " * 5_000, 20) == "word word word word…"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Night watch", "Night watch"),
        ("\u2069\u202etxt.exe\u2066", "\u2068txt.exe\u2069"),
        ("\u05e9\u05dc\u05d5\u05dd 3", "\u2068\u05e9\u05dc\u05d5\u05dd 3\u2069"),
    ],
)
def test_a_name_in_a_sentence_keeps_its_direction_to_itself(name: str, shown: str) -> None:
    assert formats.isolated(name) == shown
    message = "Failed; the last error: " + "x" * 900 + ". Mend it, then enable again."
    short = formats.middle(message, 330)
    assert len(short) <= 330
    assert short.startswith("Failed;")
    assert short.endswith("Mend it, then enable again.")
    assert formats.middle("short", 330) == "short"


def a_row(**changes: object) -> Heartbeat:
    return Heartbeat.model_construct(
        **{"enabled": True, "version": 1, "synced_version": 1, "pause_reason": None} | changes
    )


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "on"),
        ({"version": 2}, "pending"),
        ({"enabled": False}, "off"),
        ({"enabled": False, "version": 2}, "off"),
        ({"enabled": False, "version": 2, "pause_reason": "budget"}, "paused"),
    ],
    ids=str,
)
def test_the_state_is_the_rows(fields: dict[str, object], state: str) -> None:
    assert heartbeats.state(a_row(**fields)) == state


@pytest.mark.parametrize(
    ("used", "budget", "share"), [(5, None, None), (0, 10, 0), (8, 10, 80), (15, 10, 100), (0, 0, 100)]
)
def test_how_much_of_a_budget_is_spent(used: int, budget: int | None, share: int | None) -> None:
    period = (NOW, NOW + timedelta(days=11))
    row = a_row(period_start=NOW, period_credits=used, credit_budget=budget)
    assert heartbeats.spent(row, period) == heartbeats.BudgetView(used, budget, share, "1 Dec")


def test_the_chart_fills_its_height_with_the_busiest_day() -> None:
    days = {date(2026, 11, 19): RunSums(), date(2026, 11, 20): RunSums(success=6, error=2, skipped=100)}
    quiet, busy = heartbeats.bars(days)
    assert (quiet.good, quiet.bad) == (0, 0)
    assert busy.good + busy.bad == heartbeats.CHART_HEIGHT
    assert busy.bad * 3 == busy.good
    assert busy.label == "20 Nov: 8 runs, 2 errors"


@pytest.mark.parametrize(
    ("number", "rows", "newer", "older"), [(1, 0, None, None), (1, 21, None, 2), (2, 21, 1, None), (9, 21, 2, None)]
)
def test_pages_know_their_neighbours(number: int, rows: int, newer: int | None, older: int | None) -> None:
    pages = runs.pages(Page(number, 20), rows)
    assert (pages.newer, pages.older) == (newer, older)
