"""Requests for a preview, and what they are answered."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.responses import moment
from api.schemas.heartbeats import Configure
from heartbeat.domain.field_types import Whole
from heartbeat.domain.forecast import Forecast, ForecastTick, UsageEstimate


class AskPreview(Configure):
    count: Annotated[Whole, Field(ge=1, le=100, description="How many ticks to show.")] = 10


class TickToCome(BaseModel):
    utc: str
    local: str = Field(description="In the heartbeat's time zone, with its offset.")
    note: str | None = Field(description="What daylight saving did to it.")


class Previewed(BaseModel):
    schedule: str
    ticks: list[TickToCome]
    runs_per_month: float
    credits_per_month: float
    credits_per_run: float
    credits_per_run_from: str
    budget_spent_on: str | None = Field(description="The UTC date on which the budget would be spent.")
    warnings: list[str]


def show_preview(found: Forecast, measured: UsageEstimate, refusals: list[str]) -> dict[str, Any]:
    """A preview as it is answered."""
    return {
        "schedule": found.schedule,
        "ticks": [_show_tick(tick) for tick in found.ticks],
        "runs_per_month": found.runs_per_month,
        "credits_per_month": found.credits_per_month,
        "credits_per_run": measured.credits,
        "credits_per_run_from": measured.credits_from,
        "budget_spent_on": f"{found.budget_spent_on:%Y-%m-%d}" if found.budget_spent_on else None,
        "warnings": [*refusals, *found.warnings],
    }


def _show_tick(tick: ForecastTick) -> dict[str, Any]:
    return {"utc": moment(tick.utc), "local": tick.local.isoformat(timespec="seconds"), "note": tick.note}
