"""When a heartbeat will run and what that will cost. Pure: a cadence and a few measured numbers in, a forecast out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile

from heartbeat.domain import credits
from heartbeat.domain.cadence.notes import note
from heartbeat.domain.cadence.ticks import Cadence

YEAR = timedelta(days=365)
MONTHS = 12
# More ticks than these are not counted one by one: what comes so often comes evenly.
MAX_COUNTED_TICKS = 3_000
# More than come twice when the clocks are put back, in two months.
REPEATED_TICKS = 1_000


@dataclass(frozen=True)
class ForecastTick:
    """One tick to come; `note` says what daylight saving did to it, or to those before it."""

    utc: datetime
    local: datetime
    note: str | None


@dataclass(frozen=True)
class UsageEstimate:
    """What earlier runs took: `credits` each and where that number is from, `slow_ms` the 95th percentile."""

    credits: float
    credits_from: str
    slow_ms: int | None = None


@dataclass(frozen=True)
class Forecast:
    """`budget_spent_on` is the tick (UTC) at which the budget would be spent, or `None`."""

    schedule: str
    ticks: list[ForecastTick]
    runs_per_month: float
    credits_per_month: float
    budget_spent_on: datetime | None
    warnings: list[str]


@dataclass(frozen=True)
class Budget:
    """Credits a period; `used` of the current one; `anchor_day` is where a period begins.

    `period_ends_at` is where the current one ends, if not before the next anchor day.
    """

    limit: int | None
    used: int = 0
    anchor_day: int = 1
    period_ends_at: datetime | None = None


def forecast(cadence: Cadence, estimate: UsageEstimate, budget: Budget, now: datetime, count: int) -> Forecast:
    """List the next `count` ticks, and say what a month of them comes to."""
    ticks = list(islice(cadence.ticks(now), count))
    runs = runs_per_month(cadence, now)
    return Forecast(
        schedule=cadence.sentence(),
        ticks=[
            ForecastTick(tick, tick.astimezone(cadence.zone), note(cadence, since, tick))
            for since, tick in pairwise([now, *ticks])
        ],
        runs_per_month=round(runs, 1),
        credits_per_month=round(runs * estimate.credits, 1),
        budget_spent_on=budget_spent_on(cadence, estimate.credits, budget, now),
        warnings=list(_warnings(cadence, estimate, ticks)),
    )


def runs_per_month(cadence: Cadence, now: datetime) -> float:
    """Average the ticks a month over the coming year (over a shorter time for what comes very often)."""
    ticks = list(islice(takewhile(lambda tick: tick <= now + YEAR, cadence.ticks(now)), MAX_COUNTED_TICKS))
    if len(ticks) < MAX_COUNTED_TICKS:
        return len(ticks) / MONTHS
    return len(ticks) / ((ticks[-1] - now) / YEAR) / MONTHS


def budget_spent_on(cadence: Cadence, credits_per_run: float, budget: Budget, now: datetime) -> datetime | None:
    """Find the tick of this period or the next at which the budget is spent; `None` when it lasts."""
    if budget.limit is None or credits_per_run <= 0:
        return None
    this_ends = budget.period_ends_at or credits.period(now, budget.anchor_day)[1]
    _, next_ends = credits.period(this_ends, budget.anchor_day)
    left_now, left_then = budget.limit - budget.used, budget.limit
    return _last_affordable_tick(cadence, now, this_ends, left_now / credits_per_run) or _last_affordable_tick(
        cadence, this_ends, next_ends, left_then / credits_per_run
    )


def _last_affordable_tick(cadence: Cadence, start: datetime, end: datetime, runs: float) -> datetime | None:
    """Find the last tick for which there are credits; `None` when they last until `end`."""
    if runs > (end - start) / cadence.shortest_gap() + REPEATED_TICKS:
        return None
    before = start - timedelta(seconds=1)
    for number, tick in enumerate(cadence.ticks(before), 1):
        if tick >= end:
            return None
        if number >= runs:
            return tick
    return None


def _warnings(cadence: Cadence, estimate: UsageEstimate, ticks: list[datetime]) -> Iterator[str]:
    if not ticks and cadence.ends_at:
        yield "It is over: no tick comes any more before ends_at."
    elif not ticks:
        yield "It never comes due in the next 30 years."
    yield from cadence.warnings()
    gap = cadence.shortest_gap()
    if estimate.slow_ms is not None and gap < timedelta(milliseconds=estimate.slow_ms):
        yield (
            f"Its ticks come as close as {_in_words(gap)}, but one run in twenty takes longer than "
            f"{estimate.slow_ms / 1000:.0f} s: those ticks will be skipped as overlap."
        )


def _in_words(gap: timedelta) -> str:
    minutes = int(gap.total_seconds() // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
