"""The credits object: a project's billing period, and what its credits went to."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.responses import dollars, moment
from api.schemas.stats import NO_MODEL
from heartbeat.store.credits.usage import CreditsUsage


class OfOneBot(BaseModel):
    bot_id: int
    bot_uuid: str
    name: str
    used: int
    held: int


class OfOneHeartbeat(BaseModel):
    heartbeat_id: str
    bot_id: int
    label: str | None
    credit_budget: int | None
    used: int
    held: int


class SpentCredits(BaseModel):
    count: int
    credits: int
    tokens: int
    cost_usd: str


class OfOneModel(SpentCredits):
    model: str


class OfOneDay(SpentCredits):
    date: str


class CreditsObject(BaseModel):
    period_start: str
    period_ends_at: str
    limit: int | None = Field(description="Credits a month of the plan; null is no limit.")
    granted: int = Field(description="Given by the operator for this period, on top of the plan.")
    used: int
    held: int = Field(description="Reserved for the steps under way.")
    available: int | None = Field(description="limit + granted - used - held, at least 0; null is no limit.")
    cost_usd: str = Field(description="What the providers charge for the runs that ended, as a decimal number.")
    by_bot: list[OfOneBot] = Field(description="Most used first, deleted ones too, at most 100.")
    by_heartbeat: list[OfOneHeartbeat] = Field(description="Most used first, deleted ones too, at most 100.")
    by_model: list[OfOneModel] = Field(description="Of the runs that ended; most used first, at most 100.")
    by_day: list[OfOneDay] = Field(description="Of the runs that ended; newest first, in UTC.")


class OneCredits(BaseModel):
    credits: CreditsObject


def show_credits(spent: CreditsUsage, limit: int | None, period: tuple[datetime, datetime]) -> dict[str, Any]:
    """A credits object, as docs/api.md has it."""
    left = None if limit is None else max(0, limit + spent.granted - spent.used - spent.held)
    return {
        "period_start": moment(period[0]),
        "period_ends_at": moment(period[1]),
        "limit": limit,
        "granted": spent.granted,
        "used": spent.used,
        "held": spent.held,
        "available": left,
        "cost_usd": dollars(sum(int(day.cost_nano_usd) for day in spent.by_day)),
        "by_bot": [_of_bot(bot) for bot in spent.by_bot],
        "by_heartbeat": [_of_heartbeat(heartbeat) for heartbeat in spent.by_heartbeat],
        "by_model": [{"model": row.model or NO_MODEL, **_spent(row)} for row in spent.by_model],
        "by_day": [{"date": row.day, **_spent(row)} for row in spent.by_day],
    }


def _of_bot(bot: Row[Any]) -> dict[str, Any]:
    return {"bot_id": bot.id, "bot_uuid": bot.uuid, "name": bot.name, "used": int(bot.used), "held": int(bot.held)}


def _of_heartbeat(heartbeat: Row[Any]) -> dict[str, Any]:
    return {
        "heartbeat_id": heartbeat.uuid,
        "bot_id": heartbeat.bot_id,
        "label": heartbeat.label,
        "credit_budget": heartbeat.credit_budget,
        "used": heartbeat.used,
        "held": heartbeat.held,
    }


def _spent(row: Row[Any]) -> dict[str, Any]:
    # `count` is a method of a row as well.
    numbers = row._mapping
    return {
        **{name: int(numbers[name]) for name in ("count", "credits", "tokens")},
        "cost_usd": dollars(int(numbers["cost_nano_usd"])),
    }
