"""Requests for a preview, and what they are answered."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.heartbeats import Configure
from api.schemas.response_fields import Price
from heartbeat.domain.field_types import WHOLE
from heartbeat.domain.forecast import Forecast, ForecastTick
from heartbeat.settings import Settings
from heartbeat.store.heartbeats.gate_outlook import GateOutlook
from heartbeat.store.heartbeats.preview import Preview


class AskPreview(Configure):
    """What one would send to configure, and how far to look."""

    count: Annotated[int, Field(ge=1, le=100), WHOLE] = Field(10, description="How many ticks to show.", examples=[10])


class TickToCome(Answered):
    """A time at which it would be due."""

    utc: str = Field(description="In UTC.", examples=[examples.NEXT])
    local: str = Field(
        description="In the heartbeat's time zone, with its offset.", examples=["2026-11-30T09:00:00+01:00"]
    )
    starts_at: str | None = Field(
        description="When its run starts, in UTC; null for one that is not saved yet and has a spread.",
        examples=[examples.NEXT, None],
    )
    note: str | None = Field(
        description="What daylight saving did to it; null: nothing.",
        examples=[None, "the clocks skip 02:00 to 03:00; it runs at the first moment after"],
    )


class GateLook(Answered):
    """A look at the gate."""

    at: str = Field(description="When, in UTC.", examples=[examples.NEXT])
    outcome: str = Field(
        description="first (there was nothing to compare with), unchanged, changed, or failed.", examples=["unchanged"]
    )
    detail: str | None = Field(description="Why it failed, in a sentence.", examples=[None])


class GateForecast(Answered):
    """What is known of the gate, and what a month comes to with it; `runs_per_month` beside it is without."""

    looks: list[GateLook] = Field(description="The last looks, newest first.", examples=[[example(GateLook)]])
    runs_per_month: float | None = Field(
        description="Runs a month, by how many ticks of the last 30 days had news; null while that is not known.",
        examples=[9.0],
    )
    credits_per_month: float | None = Field(description="What these would cost.", examples=[18.0])
    price_per_month: Price


class Previewed(Answered):
    schedule: str = Field(
        description="When it would be due, in one sentence.", examples=["At 09:00, Monday to Friday, Berlin time"]
    )
    ticks: list[TickToCome] = Field(description="The next times it would be due.", examples=[[example(TickToCome)]])
    starts_within_seconds: int = Field(
        description="It starts at most so long after each of them, by `jitter_seconds` and as its cadence has room.",
        examples=[0],
    )
    runs_per_month: float = Field(description="Ticks a month, averaged over a year.", examples=[21.8])
    credits_per_month: float = Field(description="What a month of runs would cost.", examples=[43.5])
    price_per_month: Price
    credits_per_run: float = Field(description="What a run costs.", examples=[2.0])
    price_per_run: Price
    credits_per_run_from: str = Field(
        description="Where the cost of a run is from: this bot's newest runs, else the plan.",
        examples=["the median of this bot's newest 20 runs"],
    )
    budget_spent_on: str | None = Field(
        description="The UTC date on which the budget would be spent; null: neither in this period nor in the next.",
        examples=["2026-12-28"],
    )
    gate: GateForecast | None = Field(
        description="The gate's last looks, and a month with it; null without a gate.",
        examples=[example(GateForecast)],
    )
    warnings: list[str] = Field(
        description="What to look at before it runs; among them, why configure would refuse it.",
        examples=[["It never comes due in the next 30 years."]],
    )


def show_preview(forecast: Forecast, ahead: Preview, settings: Settings) -> dict[str, Any]:
    """A preview as it is answered."""
    measured = ahead.measured
    spent_on = forecast.budget_spent_on
    return {
        "schedule": forecast.schedule,
        "ticks": [_show_tick(tick, ahead.start_delay) for tick in forecast.ticks],
        "starts_within_seconds": ahead.longest_delay // timedelta(seconds=1),
        "runs_per_month": forecast.runs_per_month,
        "credits_per_month": forecast.credits_per_month,
        "price_per_month": settings.price(forecast.credits_per_month),
        "credits_per_run": measured.credits,
        "price_per_run": settings.price(measured.credits),
        "credits_per_run_from": measured.credits_from,
        "budget_spent_on": f"{spent_on:%Y-%m-%d}" if spent_on else None,
        "gate": _show_gate(ahead.gate, forecast, settings),
        "warnings": [*ahead.refusals, *forecast.warnings],
    }


def _show_gate(gate: GateOutlook | None, forecast: Forecast, settings: Settings) -> dict[str, Any] | None:
    if gate is None:
        return None
    looks = [{"at": moment(look.created_at), "outcome": look.outcome, "detail": look.detail} for look in gate.looks]
    credits_ = gate.of(forecast.credits_per_month)
    return {
        "looks": looks,
        "runs_per_month": gate.of(forecast.runs_per_month),
        "credits_per_month": credits_,
        "price_per_month": None if credits_ is None else settings.price(credits_),
    }


def _show_tick(tick: ForecastTick, start_delay: timedelta | None) -> dict[str, Any]:
    return {
        "utc": moment(tick.utc),
        "local": tick.local.isoformat(timespec="seconds"),
        "starts_at": None if start_delay is None else moment(tick.utc + start_delay),
        "note": tick.note,
    }
