"""What a heartbeat will do and cost, said before it does."""

import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.forecast import Budget, Forecast, UsageEstimate, forecast

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAILY = Cadence("UTC", "0 9 * * *")


def ahead(cadence: Cadence = DAILY, each: float = 2.0, slow_ms: int | None = None, **budget: int) -> Forecast:
    limit = Budget(budget.pop("limit", None), **budget)
    return forecast(cadence.validated(), UsageEstimate(each, "somewhere", slow_ms), limit, NOW, 3)


def test_ticks_runs_and_credits_of_a_month() -> None:
    month = ahead()
    assert [tick.utc.day for tick in month.ticks] == [21, 22, 23]
    assert (month.runs_per_month, month.credits_per_month) == (30.4, 60.8)
    assert month.warnings == []


def test_what_comes_often_is_counted_over_a_shorter_time() -> None:
    assert ahead(Cadence("UTC", "*/5 * * * *")).runs_per_month == pytest.approx(12 * 24 * 365 / 12, rel=0.001)


@pytest.mark.parametrize(
    ("budget", "day"),
    [
        # Ten ticks are left in November: five of them cost ten credits.
        ({"limit": 10}, "2026-11-25"),
        # Four were spent before: three runs are left.
        ({"limit": 10, "used": 4}, "2026-11-23"),
        # Enough for what is left of November, not for the whole of December.
        ({"limit": 30}, "2026-12-15"),
        ({"limit": 100}, None),
        ({}, None),
        # The period begins on the 22nd: the budget is fresh then.
        ({"limit": 4, "anchor_day": 22, "used": 2}, "2026-11-21"),
        ({"limit": 6, "anchor_day": 22}, "2026-11-24"),
    ],
)
def test_the_day_on_which_the_budget_is_spent(budget: dict[str, int], day: str | None) -> None:
    spent = ahead(**budget).budget_spent_on
    assert (f"{spent:%Y-%m-%d}" if spent else None) == day


def test_what_costs_nothing_spends_no_budget() -> None:
    assert ahead(each=0.0, limit=1).budget_spent_on is None


def test_what_ends_before_its_budget_is_spent_spends_none() -> None:
    ending = Cadence("UTC", "0 9 * * *", ends_at=datetime(2026, 11, 25, tzinfo=UTC))
    assert ahead(ending, limit=10).budget_spent_on is None
    assert f"{ahead(ending, limit=8).budget_spent_on:%Y-%m-%d}" == "2026-11-24"


def test_what_never_comes_due_is_warned_of() -> None:
    mondays = Cadence("UTC", "0 9 * * 1", active_days="2")
    never = forecast(mondays, UsageEstimate(1.0, "somewhere"), Budget(None), NOW, 3)
    assert (never.ticks, never.warnings[0]) == ([], "It never comes due in the next 30 years.")


def test_runs_longer_than_the_shortest_gap_are_warned_of() -> None:
    quarters = Cadence("UTC", "*/15 * * * *")
    assert ahead(quarters, slow_ms=15 * 60_000).warnings == []
    assert ahead(quarters, slow_ms=15 * 60_000 + 1).warnings == [
        "Its ticks come as close as 15 minutes, but one run in twenty takes longer than 900 s: "
        "those ticks will be skipped as overlap."
    ]


LEFT_OUT = "the clocks skip 02:00 to 03:00 on 2027-03-14; what was due then is left out"
MOVED = "the clocks skip 02:00 to 03:00; it runs at the first moment after"


@pytest.mark.parametrize(
    ("pattern", "fields", "notes"),
    [
        ("30 2 * * *", {}, [MOVED, None, None]),
        # It follows the clock on the wall, so that day has none.
        ("*/30 2 * * *", {}, [LEFT_OUT, None, None]),
        # Both fall on 03:00.
        ("0 2,3 * * *", {}, [LEFT_OUT, None, None]),
        # 03:00 is too late for it.
        ("30 2 * * *", {"active_hours_start": "02:00", "active_hours_end": "03:00"}, [LEFT_OUT, None, None]),
        ("*/30 2,5 * * *", {"active_hours_start": "05:00", "active_hours_end": "06:00"}, [None, None, None]),
        ("0 4 * * *", {}, [None, None, None]),
        (None, {"interval_minutes": 60}, [None, None, None]),
    ],
)
def test_what_the_clocks_skip_is_told(pattern: str | None, fields: dict[str, Any], notes: list[str | None]) -> None:
    cadence = Cadence("America/New_York", pattern, **fields)
    eve = datetime(2027, 3, 13, 12, tzinfo=UTC)
    days = forecast(cadence, UsageEstimate(1.0, "somewhere"), Budget(None), eve, 3)
    assert [tick.note for tick in days.ticks] == notes


MONDAY_AT_NINE = {"active_hours_start": "09:00", "active_hours_end": "09:01", "active_days": "1"}
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("cadence", "ticks"),
    [
        (Cadence(NEW_YORK, "* * * * *", **MONDAY_AT_NINE), 100),
        (Cadence(NEW_YORK, "0-59 0-23 * * *", **MONDAY_AT_NINE), 100),
        (Cadence(NEW_YORK, None, 1, **MONDAY_AT_NINE), 100),
        (Cadence(NEW_YORK, None, 1441, **MONDAY_AT_NINE), 1),
        (Cadence(NEW_YORK, "0 0 * 2 1#5"), 1),
        (Cadence(NEW_YORK, "* * * * *"), 100),
    ],
    ids=lambda value: str(value.cron_pattern or value.interval_minutes) if isinstance(value, Cadence) else "",
)
def test_the_work_is_by_ticks_and_days(cadence: Cadence, ticks: int) -> None:
    """Thirty years are 11,000 days. Minute by minute the first ones would take millions of calls."""
    cadence.validated()
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        outlook = forecast(cadence, UsageEstimate(1.0, "somewhere", None), Budget(10**9), NOW, 100)
    finally:
        sys.setprofile(None)
    assert len(outlook.ticks) == ticks
    assert calls < 300_000
