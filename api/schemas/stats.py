"""The stats object."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.schemas.fields import OfBot, Whole
from heartbeat.store.stats import Stats, Sums

TYPES = ("heartbeat", "scheduled_task")


class ReadStats(OfBot):
    days: Annotated[Whole, Field(ge=1, le=365, description="Days in UTC, today among them.")] = 30


class OfType(BaseModel):
    count: int
    success_rate: float


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
    avg_duration_ms: float = Field(description="Of the runs that began.")
    active_heartbeats: int
    by_type: dict[str, OfType]
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
        "avg_duration_ms": round(sums.duration_ms / sums.executed) if sums.executed else 0,
        "active_heartbeats": stats.active_heartbeats,
        "by_type": {kind: _of_type(stats.by_type.get(kind, Sums())) for kind in TYPES},
        "time_series": [_of_day(day, sums) for day, sums in stats.by_day.items()],
    }


def _of_type(sums: Sums) -> dict[str, Any]:
    return {"count": sums.total, "success_rate": sums.success_rate}


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
