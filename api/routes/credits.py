"""Credits: what a project may use in its billing period, and what it went to."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.credits import OneCredits, show_credits
from api.schemas.fields import OfProject
from heartbeat.domain import credits
from heartbeat.store.credits.usage import CreditsUsage, spending
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/v1/project", tags=["Credits"])


@router.get("/credits", **call(OneCredits, query=OfProject))
async def read(asking: Annotated[QueryCaller[OfProject], in_query(OfProject)]) -> ApiResponse:
    """Read a project's credits of this billing period: what is left, and use by bot, heartbeat, model and day."""
    now = utc_now()

    def work(connection: Connection, found: Access) -> tuple[CreditsUsage, int | None, int]:
        start, _ = credits.period(now, found.project.period_anchor_day)
        spent = spending(connection, found.project, start)
        return spent, asking.plan(found).credits_per_month, found.project.period_anchor_day

    spent, limit, anchor_day = await asking.read(asking.given, work)
    return ApiResponse({"credits": show_credits(spent, limit, credits.period(now, anchor_day))})
