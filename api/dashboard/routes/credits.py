"""The page of credits: what a period came to, by heartbeat, bot, model and day."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.forms import validated
from api.dashboard.pages import PageRoute, html
from api.dashboard.views import credits as view
from api.dashboard.visitor import VisitorDep
from api.schemas.credits import ReadCredits
from heartbeat.store.credits.ledger import ProjectLimits
from heartbeat.store.credits.periods import BillingPeriod, billing_period, periods
from heartbeat.store.credits.usage import CreditsUsage, spending
from heartbeat.store.overview.entries import grants
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.credits import Usage

router = APIRouter(prefix="/credits", route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class PeriodRows:
    """A billing period, what it came to, and the others that there were."""

    period: BillingPeriod
    usage: CreditsUsage
    limits: ProjectLimits
    periods: list[Usage]
    grants: list[Row[Any]]


@router.get("")
async def credits_page(visitor: VisitorDep, period: str = "") -> Response:
    """What the credits of a period went to; the current one's if none is named."""
    now = visitor.now()
    frame, rows = await visitor.read_framed(_rows, day_of(period), now)
    usage, start = rows.usage, rows.period.start
    return html(
        "credits",
        frame=frame,
        start=f"{start:%Y-%m-%d}",
        since=view.day_title(start.date()),
        until=None if rows.period.is_over else view.day_title(rows.period.end.date()),
        choices=view.period_choices(rows.periods, frame.project.period(now)[0]),
        usage=usage,
        limits=rows.limits,
        left=usage.left(rows.limits),
        cost=view.total_cost(usage),
        besides=view.besides_ended_runs(usage),
        heartbeats=view.heartbeat_lines(usage),
        bots=view.bot_lines(usage),
        models=view.model_lines(usage),
        days=view.day_lines(usage),
        grants=[view.grant_line(row, now) for row in rows.grants],
    )


def _rows(connection: Connection, access: Access, day: date | None, now: datetime) -> PeriodRows:
    project, known = access.project, periods(connection, access.project)
    period = billing_period(project, known, day, now)
    usage = spending(connection, project, period)
    limits = ProjectLimits(access.plan.credits_per_month, project.credit_budget)
    return PeriodRows(period, usage, limits, known, grants(connection, project))


def day_of(text: str) -> date | None:
    """Read the first day of a period as the API does; raises `InvalidMany`."""
    return validated(ReadCredits, {"project_id": "this", "period_start": text}).period_start
