"""Requests for a preview, and what they are answered."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from api.responses import moment
from api.schemas import examples
from api.schemas.examples import example
from api.schemas.heartbeats import Configure
from heartbeat.domain.field_types import WHOLE
from heartbeat.domain.forecast import Forecast, ForecastTick, UsageEstimate


class AskPreview(Configure):
    """What one would send to configure, and how far to look."""

    count: Annotated[int, Field(ge=1, le=100), WHOLE] = Field(10, description="How many ticks to show.", examples=[10])


class TickToCome(BaseModel):
    """A time at which it would be due."""

    utc: str = Field(description="In UTC.", examples=[examples.NEXT])
    local: str = Field(
        description="In the heartbeat's time zone, with its offset.", examples=["2026-11-30T09:00:00+01:00"]
    )
    note: str | None = Field(
        description="What daylight saving did to it; null: nothing.",
        examples=[None, "the clocks skip 02:00 to 03:00; it runs at the first moment after"],
    )


class Previewed(BaseModel):
    schedule: str = Field(
        description="When it would be due, in one sentence.", examples=["At 09:00, Monday to Friday, Berlin time"]
    )
    ticks: list[TickToCome] = Field(description="The next times it would be due.", examples=[[example(TickToCome)]])
    runs_per_month: float = Field(description="Ticks a month, averaged over a year.", examples=[21.8])
    credits_per_month: float = Field(description="What a month of runs would cost.", examples=[43.5])
    credits_per_run: float = Field(description="What a run costs.", examples=[2.0])
    credits_per_run_from: str = Field(
        description="Where the cost of a run is from: this bot's newest runs, else the plan.",
        examples=["the median of this bot's newest 20 runs"],
    )
    budget_spent_on: str | None = Field(
        description="The UTC date on which the budget would be spent; null: neither in this period nor in the next.",
        examples=["2026-12-28"],
    )
    warnings: list[str] = Field(
        description="What to look at before it runs; among them, why configure would refuse it.",
        examples=[["It never comes due in the next 30 years."]],
    )


def show_preview(forecast: Forecast, measured: UsageEstimate, refusals: list[str]) -> dict[str, Any]:
    """A preview as it is answered."""
    spent_on = forecast.budget_spent_on
    return {
        "schedule": forecast.schedule,
        "ticks": [_show_tick(tick) for tick in forecast.ticks],
        "runs_per_month": forecast.runs_per_month,
        "credits_per_month": forecast.credits_per_month,
        "credits_per_run": measured.credits,
        "credits_per_run_from": measured.credits_from,
        "budget_spent_on": f"{spent_on:%Y-%m-%d}" if spent_on else None,
        "warnings": [*refusals, *forecast.warnings],
    }


def _show_tick(tick: ForecastTick) -> dict[str, Any]:
    return {"utc": moment(tick.utc), "local": tick.local.isoformat(timespec="seconds"), "note": tick.note}
