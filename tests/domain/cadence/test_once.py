"""A cadence of one tick: the pure part, and what the real server makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from heartbeat.domain.cadence import calendars
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import HORIZON, Cadence
from tests.support.temporal_schedules import as_temporal, fires

SECOND, YEAR = timedelta(seconds=1), timedelta(days=365)
FRIDAY = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
ONCE = Cadence("Europe/Rome", run_at=FRIDAY)


def test_it_has_one_tick() -> None:
    once = ONCE.validated()
    assert list(once.ticks(FRIDAY - YEAR)) == [FRIDAY]
    assert (once.next_after(FRIDAY - SECOND), once.next_after(FRIDAY)) == (FRIDAY, None)
    assert once.between(FRIDAY, FRIDAY + YEAR) == []
    assert once.is_tick(FRIDAY)
    assert not once.is_tick(FRIDAY + SECOND)
    assert once.shortest_gap() == HORIZON


def test_it_may_be_at_any_second_and_in_any_offset() -> None:
    rome = datetime.fromisoformat("2026-11-27T09:00:30+01:00")
    once = Cadence("Europe/Rome", run_at=rome).validated()
    [tick] = once.ticks(FRIDAY)
    assert (tick, tick.tzinfo) == (FRIDAY + 30 * SECOND, UTC)
    assert once.is_tick(tick)


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        (FRIDAY, "Once, on Friday 27 November 2026 at 09:00, Rome time"),
        (FRIDAY + 30 * SECOND, "Once, on Friday 27 November 2026 at 09:00:30, Rome time"),
        (FRIDAY + timedelta(hours=15, days=34), "Once, on Friday 1 January 2027 at 00:00, Rome time"),
    ],
)
def test_it_is_told_in_a_sentence(at: datetime, sentence: str) -> None:
    assert replace(ONCE, run_at=at).validated().sentence() == sentence


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (replace(ONCE, interval_minutes=5), "cron_pattern"),
        (replace(ONCE, cron_pattern="0 9 * * *"), "cron_pattern"),
        (replace(ONCE, run_at=FRIDAY.replace(tzinfo=None)), "run_at"),
        (replace(ONCE, run_at=FRIDAY.replace(microsecond=1)), "run_at"),
        (replace(ONCE, active_days="1"), "active_days"),
        (replace(ONCE, timezone="Europe/Roma"), "timezone"),
    ],
)
def test_what_cannot_be_is_refused(wrong: Cadence, field: str) -> None:
    with pytest.raises(CadenceError) as refused:
        wrong.validated()
    assert refused.value.field == field


@pytest.mark.parametrize("seconds", [0, 1, 59, 86_399])
async def test_the_server_fires_then_and_not_again_for_decades(temporal: Client, seconds: int) -> None:
    at = FRIDAY + seconds * SECOND
    spec = as_temporal(calendars.spec(Cadence("Europe/Rome", run_at=at), FRIDAY - YEAR))
    assert await fires(temporal, spec, [(FRIDAY - YEAR, FRIDAY + 20 * YEAR)]) == [at]
