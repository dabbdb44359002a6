"""Preview: see what a heartbeat would do and cost before it does. Nothing is stored."""

import asyncio

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.preview import AskPreview, Previewed, show_preview
from heartbeat.domain.forecast import forecast
from heartbeat.store.heartbeats.preview import Preview, preview
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])


@router.post("/preview", **call(Previewed))
async def show(given: AskPreview, asking: CallerDep) -> ApiResponse:
    """The next ticks of what would be configured, what a month of them costs, and what to be warned of."""
    now = utc_now()

    def work(connection: Connection, found: Access) -> Preview:
        return preview(connection, found, asking.plan(found), given.configure_request(), now)

    seen = await asking.read(given, work)
    # Counting a year of ticks takes tens of milliseconds: not on the loop.
    found = await asyncio.to_thread(forecast, seen.cadence, seen.measured, seen.budget, now, given.count)
    return ApiResponse(show_preview(found, seen.measured, seen.refusals))
