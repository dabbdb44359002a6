"""Credits: what a project may use in its billing period, and what it went to."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.credits import OneCredits, ReadCredits, SetBudget, show_credits
from heartbeat.settings import Settings
from heartbeat.store.credits.ledger import ProjectLimits
from heartbeat.store.credits.periods import billing_period, periods
from heartbeat.store.credits.usage import spending
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.projects import set_credit_budget

router = APIRouter(prefix="/v1/project", tags=["Credits"], strict_content_type=False)


@router.get("/credits", **call(OneCredits, query=ReadCredits))
async def read(query: Annotated[ReadCredits, query_params(ReadCredits)], caller: CallerDep) -> ApiResponse:
    """Read a project's credits of a billing period: what is left, and use by bot, heartbeat, model and day."""
    return ApiResponse(
        {"credits": await caller.read(query, _credits, query.period_start, caller.now(), caller.stack.settings)}
    )


@router.put("/budget", **call(OneCredits))
async def set_budget(body: SetBudget, caller: CallerDep) -> ApiResponse:
    """Give a project a budget of its own, beside its plan, from now on; null takes it away."""
    return ApiResponse(
        {"credits": await caller.write(body, _set_budget, body.credit_budget, caller.now(), caller.stack.settings)}
    )


def _set_budget(
    connection: Connection, access: Access, budget: int | None, now: datetime, settings: Settings
) -> dict[str, Any]:
    project = set_credit_budget(connection, access.project, budget)
    return _credits(connection, replace(access, project=project), None, now, settings)


def _credits(
    connection: Connection, access: Access, day: date | None, now: datetime, settings: Settings
) -> dict[str, Any]:
    known = periods(connection, access.project) if day else []
    period = billing_period(access.project, known, day, now)
    usage = spending(connection, access.project, period)
    limits = ProjectLimits(access.plan.credits_per_month, access.project.credit_budget)
    return show_credits(usage, limits, period, settings)
