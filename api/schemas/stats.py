"""The stats object."""

from typing import Annotated, Any

from pydantic import Field

from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import OfBot
from api.schemas.response_fields import CostUsd, Price
from heartbeat.domain.field_types import WHOLE
from heartbeat.domain.money import dollars
from heartbeat.settings import Settings
from heartbeat.store.credits.stats import Stats
from heartbeat.store.tables.credits import RunSums

TYPES = ("heartbeat", "scheduled_task")
# The model of ticks that never ran, and of logs that were written before models were told apart.
NO_MODEL = "none"

COUNT, CREDITS, TOKENS = "Logs.", "Credits that were charged.", "Tokens read and written."
SUCCESS_RATE = "100 × success / all but those that were unchanged, to one decimal."
UNCHANGED = "Of the skipped ones, those at which the gate had nothing new."


class ReadStats(OfBot):
    days: Annotated[int, Field(ge=1, le=365), WHOLE] = Field(
        30, description="Days in UTC, today among them.", examples=[30]
    )


class OfType(Answered):
    """The logs of heartbeats, or of scheduled tasks."""

    count: int = Field(description=COUNT, examples=[20])
    success_rate: float = Field(description=SUCCESS_RATE, examples=[90.0])


class OfModel(Answered):
    """The logs of runs with one model."""

    count: int = Field(description=COUNT, examples=[20])
    credits: int = Field(description=CREDITS, examples=[40])
    price: Price
    tokens: int = Field(description=TOKENS, examples=[9_000])
    cost_usd: CostUsd


class OfDay(Answered):
    """The logs of one day."""

    date: str = Field(description="The day, in UTC.", examples=["2026-11-27"])
    total: int = Field(description="Logs of the day.", examples=[1])
    success: int = Field(description="Runs that succeeded.", examples=[1])
    error: int = Field(description="Runs that failed.", examples=[0])
    skipped: int = Field(description="Ticks that were skipped.", examples=[0])
    unchanged: int = Field(description=UNCHANGED, examples=[0])
    cancelled: int = Field(description="Runs that were cancelled.", examples=[0])
    credits: int = Field(description=CREDITS, examples=[2])
    price: Price
    tokens: int = Field(description=TOKENS, examples=[450])


class Quality(Answered):
    """How good the runs of some days were, in UTC, today among them."""

    met: int = Field(description="Runs that did what their heartbeat expects of them (`expect`).", examples=[19])
    unmet: int = Field(description="Runs that did not.", examples=[1])
    met_rate: float | None = Field(
        description="100 × met / (met + unmet), to one decimal; null when nothing was expected of any.", examples=[95.0]
    )
    liked: int = Field(description="Runs with a thumb up.", examples=[9])
    disliked: int = Field(description="Runs with a thumb down.", examples=[1])
    liked_rate: float | None = Field(
        description="100 × liked / rated, to one decimal; null when none was rated.", examples=[90.0]
    )


class StatsObject(Answered):
    """What the logs of some days come to."""

    total_executions: int = Field(description="Logs, whatever became of them.", examples=[20])
    success_count: int = Field(description="Runs that succeeded.", examples=[18])
    error_count: int = Field(description="Runs that failed.", examples=[1])
    skipped_count: int = Field(description="Ticks that were skipped.", examples=[1])
    unchanged_count: int = Field(description=UNCHANGED, examples=[0])
    cancelled_count: int = Field(description="Runs that were cancelled.", examples=[0])
    success_rate: float = Field(description=SUCCESS_RATE, examples=[90.0])
    total_tokens: int = Field(description=TOKENS, examples=[9_000])
    total_credits: int = Field(description=CREDITS, examples=[40])
    total_price: Price
    total_cost_usd: str = Field(
        description="What the providers charge for it in US dollars, as a decimal number.", examples=["0.001692"]
    )
    avg_duration_ms: float = Field(description="Of the runs that began, in milliseconds.", examples=[3900])
    active_heartbeats: int = Field(description="Heartbeats that are enabled now.", examples=[1])
    by_type: dict[str, OfType] = Field(
        description="By `heartbeat` and `scheduled_task`.",
        examples=[{"heartbeat": example(OfType), "scheduled_task": example(OfType, count=0, success_rate=0.0)}],
    )
    by_model: dict[str, OfModel] = Field(
        description="By model; `none` for ticks that never ran and for old logs.",
        examples=[{examples.MODEL: example(OfModel)}],
    )
    quality: dict[str, Quality] = Field(
        description="Over the last `7_days` and `30_days`, whatever `days` says.",
        examples=[{"7_days": example(Quality), "30_days": example(Quality)}],
    )
    time_series: list[OfDay] = Field(description="Newest first; only days with logs.", examples=[[example(OfDay)]])


class OneStats(Answered):
    stats: StatsObject = Field(description="The stats.", examples=[example(StatsObject)])


def show_stats(stats: Stats, settings: Settings) -> dict[str, Any]:
    """The `StatsObject` of a bot's logs."""
    sums = stats.all
    return {
        "total_executions": sums.total,
        "success_count": sums.success,
        "error_count": sums.error,
        "skipped_count": sums.skipped,
        "unchanged_count": sums.unchanged,
        "cancelled_count": sums.cancelled,
        "success_rate": sums.success_rate,
        "total_tokens": sums.tokens,
        "total_credits": sums.credits,
        "total_price": settings.price(sums.credits),
        "total_cost_usd": dollars(sums.cost_nano_usd),
        "avg_duration_ms": round(sums.duration_ms / sums.executed) if sums.executed else 0,
        "active_heartbeats": stats.active_heartbeats,
        "by_type": {kind: _of_type(stats.by_type.get(kind, RunSums())) for kind in TYPES},
        "by_model": {model or NO_MODEL: _of_model(sums, settings) for model, sums in stats.by_model.items()},
        "quality": {f"{days}_days": _quality(sums) for days, sums in stats.recent.items()},
        "time_series": [_of_day(day, sums, settings) for day, sums in stats.by_day.items()],
    }


def _of_type(sums: RunSums) -> dict[str, Any]:
    return {"count": sums.total, "success_rate": sums.success_rate}


def _of_model(sums: RunSums, settings: Settings) -> dict[str, Any]:
    return {
        "count": sums.total,
        "credits": sums.credits,
        "price": settings.price(sums.credits),
        "tokens": sums.tokens,
        "cost_usd": dollars(sums.cost_nano_usd),
    }


def _quality(sums: RunSums) -> dict[str, Any]:
    expected = {"met": sums.met, "unmet": sums.unmet, "met_rate": sums.met_rate}
    return {**expected, "liked": sums.liked, "disliked": sums.disliked, "liked_rate": sums.liked_rate}


def _of_day(day: str, sums: RunSums, settings: Settings) -> dict[str, Any]:
    return {
        "date": day,
        "total": sums.total,
        "success": sums.success,
        "error": sums.error,
        "skipped": sums.skipped,
        "unchanged": sums.unchanged,
        "cancelled": sums.cancelled,
        "credits": sums.credits,
        "price": settings.price(sums.credits),
        "tokens": sums.tokens,
    }
