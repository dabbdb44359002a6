"""The ticks of a cadence that has a beginning or an end."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.domain.cadence.calendars import spec
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.forecast import Budget, UsageEstimate, forecast

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NINE = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
# Each is due at 08:00 UTC, or at an hour's minute 0.
KINDS = {
    "daily": {"cron_pattern": "0 9 * * *", "timezone": "Europe/Berlin"},
    "each hour": {"cron_pattern": "0 * * * *", "timezone": "Europe/Berlin"},
    "interval": {"interval_minutes": 60, "anchor": NOW, "timezone": "UTC"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_tick_comes_before_the_beginning_or_after_the_end(kind: str) -> None:
    cadence = Cadence(**KINDS[kind], starts_at=NINE, ends_at=NINE + 2 * DAY).validated()  # type: ignore[arg-type]
    ticks = list(cadence.ticks(NOW))
    unbounded = Cadence(**KINDS[kind]).between(NINE - DAY, NINE + 3 * DAY)  # type: ignore[arg-type]
    assert (ticks[0], ticks[-1]) == (NINE, NINE + 2 * DAY)
    assert ticks == [tick for tick in unbounded if NINE <= tick <= NINE + 2 * DAY]
    assert all(cadence.is_tick(tick) == (tick in ticks) for tick in unbounded)
    assert cadence.next_after(ticks[-1]) is None
    assert cadence.between(NINE + DAY - timedelta(seconds=1), NINE + DAY) == [NINE + DAY]


def test_the_sentence_says_both_in_local_time() -> None:
    cadence = Cadence(**KINDS["daily"], starts_at=NINE, ends_at=NINE + 2 * DAY)  # type: ignore[arg-type]
    bounds = "from 25 November 2026 at 09:00, until 27 November 2026 at 09:00"
    assert cadence.sentence() == f"At 09:00, {bounds}, Berlin time"


def test_the_schedule_has_both() -> None:
    made = spec(Cadence(**KINDS["interval"], starts_at=NINE, ends_at=NINE + DAY), NOW)  # type: ignore[arg-type]
    assert (made.start, made.end) == (NINE, NINE + DAY)


@pytest.mark.parametrize(
    ("start", "end"), [(NINE, NINE - DAY), (NINE + timedelta(minutes=1), NINE + timedelta(hours=2))]
)
def test_bounds_between_which_nothing_is_due_are_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(CadenceError) as refused:
        Cadence(**KINDS["daily"], starts_at=start, ends_at=end).validated()  # type: ignore[arg-type]
    assert refused.value.field == "ends_at"


@pytest.mark.parametrize("kind", KINDS)
def test_a_beginning_may_be_far_ahead(kind: str) -> None:
    start = datetime(2099, 12, 31, tzinfo=UTC)
    cadence = Cadence(**KINDS[kind], starts_at=start).validated()  # type: ignore[arg-type]
    first = cadence.next_after(NOW)
    assert first is not None
    assert timedelta(0) <= first - start < DAY
    said = forecast(cadence, UsageEstimate(1.0, "measured"), Budget(None), NOW, 1)
    assert ([tick.utc for tick in said.ticks], said.warnings) == ([first], [])


def test_the_forecast_says_that_it_is_over() -> None:
    over = Cadence(**KINDS["daily"], ends_at=NOW - DAY).validated()  # type: ignore[arg-type]
    said = forecast(over, UsageEstimate(1.0, "measured"), Budget(None), NOW, 3)
    assert (said.ticks, said.runs_per_month) == ([], 0)
    assert said.warnings == ["It is over: no tick comes any more before ends_at."]
