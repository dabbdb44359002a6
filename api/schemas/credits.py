"""The credits object: a project's billing period, and what its credits went to."""

from typing import Any

from pydantic import Field
from sqlalchemy import Row

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import OfProject
from api.schemas.response_fields import BotNumber, BotUuid, CostUsd, HeartbeatUuid, Price
from api.schemas.run_query import Day
from api.schemas.stats import NO_MODEL
from heartbeat.domain.field_types import CreditBudget
from heartbeat.domain.money import dollars
from heartbeat.settings import Settings
from heartbeat.store.credits.ledger import ProjectLimits
from heartbeat.store.credits.periods import BillingPeriod
from heartbeat.store.credits.usage import CreditsUsage, Spent

PROJECT_BUDGET = "Credits that the project may use in a billing period of its own will; null is no limit."
USED, HELD = "Credits used in this period.", "Credits reserved for the steps under way."


class ReadCredits(OfProject):
    period_start: Day | None = Field(
        None,
        description="The day on which an earlier billing period began; none: the current one.",
        examples=["2026-10-01"],
    )


class SetBudget(OfProject):
    credit_budget: CreditBudget | None = Field(description=PROJECT_BUDGET, examples=[5000])


class OfOneBot(Answered):
    """What one bot used of the period's credits."""

    bot_id: BotNumber
    bot_uuid: BotUuid
    name: str = Field(description="What people call the bot.", examples=["Support desk"])
    credit_budget: int | None = Field(
        description="What its heartbeats and tasks may use together in a billing period; null is no limit.",
        examples=[2000],
    )
    used: int = Field(description=USED, examples=[120])
    price: Price
    held: int = Field(description=HELD, examples=[4])


class OfOneHeartbeat(Answered):
    """What one heartbeat used of the period's credits."""

    heartbeat_id: HeartbeatUuid
    bot_id: BotNumber
    label: str | None = Field(description="A name for people to read.", examples=["Nightly report"])
    credit_budget: int | None = Field(
        description="Its own credits in a billing period; null is no limit.", examples=[500]
    )
    used: int = Field(description=USED, examples=[120])
    price: Price
    held: int = Field(description=HELD, examples=[4])


class SpentCredits(Answered):
    count: int = Field(description="Runs that ended.", examples=[60])
    credits: int = Field(description="Credits that they were charged.", examples=[120])
    price: Price
    tokens: int = Field(description="Tokens that they read and wrote.", examples=[27_000])
    cost_usd: CostUsd


class OfOneModel(SpentCredits):
    """What runs with one model used."""

    model: str = Field(
        description="The model; `none` for ticks that never ran and for old logs.", examples=[examples.MODEL]
    )


class OfOneDay(SpentCredits):
    """What the runs of one day used."""

    date: str = Field(description="The day in UTC on which they began.", examples=["2026-11-27"])


class CreditsObject(Answered):
    """The credits of one of a project's billing periods."""

    period_start: str = Field(description="When the period began.", examples=[examples.PERIOD_START])
    period_ends_at: str = Field(description="When it ends.", examples=[examples.PERIOD_END])
    limit: int | None = Field(description="Credits a month of the plan; null is no limit.", examples=[10_000])
    credit_budget: int | None = Field(description=PROJECT_BUDGET, examples=[5000])
    budget_granted: int = Field(
        description="Given for this period beyond credit_budget, to runs that waited for credits.", examples=[200]
    )
    granted: int = Field(description="Given by the operator for this period, on top of the plan.", examples=[500])
    used: int = Field(description=USED, examples=[120])
    price: Price
    held: int = Field(description=HELD, examples=[4])
    available: int | None = Field(
        description="limit + granted - used - held, or less if credit_budget + budget_granted is; at least 0. "
        "Null is no limit.",
        examples=[4876],
    )
    cost_usd: str = Field(
        description="What the providers charge for the runs that ended in US dollars, as a decimal number.",
        examples=["0.005076"],
    )
    by_bot: list[OfOneBot] = Field(
        description="Most used first, deleted ones too, at most 100.", examples=[[example(OfOneBot)]]
    )
    by_heartbeat: list[OfOneHeartbeat] = Field(
        description="Most used first, deleted ones too, at most 100.", examples=[[example(OfOneHeartbeat)]]
    )
    by_model: list[OfOneModel] = Field(
        description="Of the runs that ended; most used first, at most 100.", examples=[[example(OfOneModel)]]
    )
    by_day: list[OfOneDay] = Field(
        description="Of the runs that ended; newest first, in UTC.", examples=[[example(OfOneDay)]]
    )


class OneCredits(Answered):
    credits: CreditsObject = Field(description="The credits of the billing period.", examples=[example(CreditsObject)])


def show_credits(
    usage: CreditsUsage, limits: ProjectLimits, period: BillingPeriod, settings: Settings
) -> dict[str, Any]:
    """The `CreditsObject` of a period within these limits."""
    return {
        "period_start": moment(period.start),
        "period_ends_at": moment(period.end),
        "limit": limits.plan,
        "credit_budget": limits.budget,
        "budget_granted": usage.budget_granted,
        "granted": usage.granted,
        "used": usage.used,
        "price": settings.price(usage.used),
        "held": usage.held,
        "available": usage.left(limits),
        "cost_usd": dollars(sum(day.cost_nano_usd for day in usage.by_day)),
        "by_bot": [_of_bot(bot, settings) for bot in usage.by_bot],
        "by_heartbeat": [_of_heartbeat(heartbeat, settings) for heartbeat in usage.by_heartbeat],
        "by_model": [{"model": spent.name or NO_MODEL, **_spent(spent, settings)} for spent in usage.by_model],
        "by_day": [{"date": spent.name, **_spent(spent, settings)} for spent in usage.by_day],
    }


def _of_bot(bot: Row[Any], settings: Settings) -> dict[str, Any]:
    return {
        "bot_id": bot.id,
        "bot_uuid": bot.uuid,
        "name": bot.name,
        "credit_budget": bot.credit_budget,
        "used": int(bot.used),
        "price": settings.price(int(bot.used)),
        "held": int(bot.held),
    }


def _of_heartbeat(heartbeat: Row[Any], settings: Settings) -> dict[str, Any]:
    return {
        "heartbeat_id": heartbeat.uuid,
        "bot_id": heartbeat.bot_id,
        "label": heartbeat.label,
        "credit_budget": heartbeat.credit_budget,
        "used": heartbeat.used,
        "price": settings.price(int(heartbeat.used)),
        "held": heartbeat.held,
    }


def _spent(spent: Spent, settings: Settings) -> dict[str, Any]:
    return {
        **{name: getattr(spent, name) for name in ("count", "credits", "tokens")},
        "price": settings.price(spent.credits),
        "cost_usd": dollars(spent.cost_nano_usd),
    }
