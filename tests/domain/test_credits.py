from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat.domain.credits import FRAME, cost, long_period_end, most_tokens, period, rate_for

OLDEST, NEWEST = datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2100-01-01")


@pytest.mark.parametrize(
    ("tokens", "rate", "cost_"), [(0, 1, 0), (1, 1, 1), (1000, 1, 1), (1001, 1, 2), (1250, 1, 2), (1250, 3, 6)]
)
def test_each_started_thousand_tokens_costs_the_rate(tokens: int, rate: int, cost_: int) -> None:
    assert cost(tokens, rate) == cost_


def test_no_text_has_more_tokens_than_bytes_and_its_frame() -> None:
    assert most_tokens() == 0
    assert most_tokens("", "naïve") == 6 + 2 * FRAME


def test_a_period_is_a_month_of_the_calendar_if_nothing_is_said() -> None:
    assert period(datetime(2026, 11, 1, tzinfo=UTC))[0] == datetime(2026, 11, 1, tzinfo=UTC)


def test_a_model_has_its_own_rate_else_its_providers_else_the_default() -> None:
    rates = {"openai:gpt-5.4": 9, "openai:*": 4}
    assert rate_for("openai:gpt-5.4", 1, rates) == 9
    assert rate_for("openai:gpt-4o-mini", 1, rates) == 4
    assert rate_for("local:smollm2", 1, rates) == 1


@pytest.mark.parametrize(
    ("now", "anchor", "start", "end"),
    [
        ("2026-11-22T10:00:00+00:00", 1, "2026-11-01", "2026-12-01"),
        ("2026-12-31T23:59:59+00:00", 1, "2026-12-01", "2027-01-01"),
        ("2026-11-14T23:59:59+00:00", 15, "2026-10-15", "2026-11-15"),
        ("2026-11-15T00:00:00+00:00", 15, "2026-11-15", "2026-12-15"),
        ("2027-03-01T00:00:00+00:00", 31, "2027-02-28", "2027-03-31"),
        ("2028-02-29T12:00:00+00:00", 30, "2028-02-29", "2028-03-30"),
        ("2026-11-30T23:30:00-05:00", 1, "2026-12-01", "2027-01-01"),
    ],
)
def test_the_billing_period_of_an_instant(now: str, anchor: int, start: str, end: str) -> None:
    begins, ends = period(datetime.fromisoformat(now), anchor)
    assert (f"{begins:%Y-%m-%d}", f"{ends:%Y-%m-%d}") == (start, end)


@given(st.datetimes(timezones=st.just(UTC), min_value=OLDEST, max_value=NEWEST), st.integers(1, 31))
def test_periods_hold_their_instant_and_follow_each_other(now: datetime, anchor: int) -> None:
    start, end = period(now, anchor)
    assert start <= now < end
    assert period(end, anchor)[0] == end


@pytest.mark.parametrize(
    ("start", "anchor", "now", "end"),
    [
        ("2026-11-01", 15, "2026-11-28T10:00:00+00:00", "2026-12-15"),
        ("2026-11-01", 1, "2026-11-28T10:00:00+00:00", "2026-12-01"),
        ("2026-11-15", 1, "2026-11-28T10:00:00+00:00", "2027-01-01"),
        ("2026-11-15", 14, "2026-11-28T10:00:00+00:00", "2027-01-14"),
        ("2027-01-31", 15, "2027-02-01T00:00:00+00:00", "2027-03-15"),
        ("2027-02-28", 31, "2027-03-01T00:00:00+00:00", "2027-03-31"),
        # Changed again while it is longer than a month already: it does not end in the past.
        ("2026-11-01", 5, "2026-12-10T10:00:00+00:00", "2027-01-05"),
    ],
)
def test_a_period_goes_on_until_the_new_day_when_its_day_is_changed(
    start: str, anchor: int, now: str, end: str
) -> None:
    begins = datetime.fromisoformat(f"{start}T00:00:00+00:00")
    assert f"{long_period_end(begins, anchor, datetime.fromisoformat(now)):%Y-%m-%d}" == end


@given(st.datetimes(OLDEST, NEWEST, timezones=st.just(UTC)), st.integers(1, 31), st.integers(1, 31))
def test_no_change_of_the_day_makes_a_period_shorter_than_a_month(now: datetime, before: int, after: int) -> None:
    start, planned = period(now, before)
    end = long_period_end(start, after, now)
    assert end > now
    assert period(end, after)[0] == end
    assert end >= planned or (end - start).days >= 28
