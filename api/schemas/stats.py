"""The stats object."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.responses import dollars
from api.schemas.fields import OfBot
from heartbeat.domain.field_types import Whole
from heartbeat.store.credits.stats import Stats, Sums

TYPES = ("heartbeat", "scheduled_task")
# The model of ticks that never ran, and of logs that were written before models were told apart.
NO_MODEL = "none"


class ReadStats(OfBot):
    days: Annotated[Whole, Field(ge=1, le=365, description="Days in UTC, today among them.")] = 30


class OfType(BaseModel):
    count: int
    success_rate: float


class OfModel(BaseModel):
    count: int
    credits: int
    tokens: int
    cost_usd: str


class OfDay(BaseModel):
    date: str
    total: int
    success: int
    error: int
    skipped: int
    cancelled: int
    credits: int
    tokens: int


class StatsObject(BaseModel):
    total_executions: int
    success_count: int
    error_count: int
    skipped_count: int
    cancelled_count: int
    success_rate: float
    total_tokens: int
    total_credits: int
    total_cost_usd: str = Field(description="What the providers charge for it, as a decimal number.")
    avg_duration_ms: float = Field(description="Of the runs that began.")
    active_heartbeats: int
    by_type: dict[str, OfType]
    by_model: dict[str, OfModel]
    time_series: list[OfDay] = Field(description="Newest first; only days with logs.")


class OneStats(BaseModel):
    stats: StatsObject


def show_stats(stats: Stats) -> dict[str, Any]:
    """A stats object, as API.md has it."""
    sums = stats.all
    return {
        "total_executions": sums.total,
        "success_count": sums.success,
        "error_count": sums.error,
        "skipped_count": sums.skipped,
        "cancelled_count": sums.cancelled,
        "success_rate": sums.success_rate,
        "total_tokens": sums.tokens,
        "total_credits": sums.credits,
        "total_cost_usd": dollars(sums.cost_nano_usd),
        "avg_duration_ms": round(sums.duration_ms / sums.executed) if sums.executed else 0,
        "active_heartbeats": stats.active_heartbeats,
        "by_type": {kind: _of_type(stats.by_type.get(kind, Sums())) for kind in TYPES},
        "by_model": {model or NO_MODEL: _of_model(sums) for model, sums in stats.by_model.items()},
        "time_series": [_of_day(day, sums) for day, sums in stats.by_day.items()],
    }


def _of_type(sums: Sums) -> dict[str, Any]:
    return {"count": sums.total, "success_rate": sums.success_rate}


def _of_model(sums: Sums) -> dict[str, Any]:
    return {
        "count": sums.total,
        "credits": sums.credits,
        "tokens": sums.tokens,
        "cost_usd": dollars(sums.cost_nano_usd),
    }


def _of_day(day: str, sums: Sums) -> dict[str, Any]:
    return {
        "date": day,
        "total": sums.total,
        "success": sums.success,
        "error": sums.error,
        "skipped": sums.skipped,
        "cancelled": sums.cancelled,
        "credits": sums.credits,
        "tokens": sums.tokens,
    }
