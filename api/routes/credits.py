"""Credits: what a project may use in its billing period, and what it went to."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.credits import OneCredits, show_credits
from api.schemas.fields import OfProject
from heartbeat.store.credits.usage import spending
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/v1/project", tags=["Credits"], strict_content_type=False)


@router.get("/credits", **call(OneCredits, query=OfProject))
async def read(query: Annotated[OfProject, query_params(OfProject)], caller: CallerDep) -> ApiResponse:
    """Read a project's credits of this billing period: what is left, and use by bot, heartbeat, model and day."""
    return ApiResponse({"credits": await caller.read(query, _credits, caller.now())})


def _credits(connection: Connection, access: Access, now: datetime) -> dict[str, Any]:
    period = access.project.period(now)
    usage = spending(connection, access.project, period)
    return show_credits(usage, access.plan.credits_per_month, period)
