"""Findings: what runs have reported, and what people say to it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.findings import AllFindings, ListFindings, OfFinding, OneFinding, SnoozeFinding, show_finding
from api.schemas.pages import pagination
from heartbeat.store.notifications import findings as store
from heartbeat.store.notifications.findings import ListedFinding, State
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/v1/bot/finding", tags=["Findings"])


@router.get("/readall", **call(AllFindings, query=ListFindings))
async def readall(asking: Annotated[QueryCaller[ListFindings], in_query(ListFindings)]) -> ApiResponse:
    """List a bot's findings, last seen first."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[ListedFinding], int]:
        heartbeat = found.heartbeat if given.heartbeat_id else None
        return store.findings(connection, found.bot, given.state, heartbeat, page)

    listed, total = await asking.read(given, work)
    shown = [show_finding(one) for one in listed]
    return ApiResponse({"total": total, "findings": shown, "pagination": pagination(page, total)})


@router.post("/acknowledge", **call(OneFinding))
async def acknowledge(given: OfFinding, asking: CallerDep) -> ApiResponse:
    """Say that it is known: nothing more is said of it until it changes."""
    return await _mark(given, "acknowledged", asking)


@router.post("/snooze", **call(OneFinding))
async def snooze(given: SnoozeFinding, asking: CallerDep) -> ApiResponse:
    """Hear nothing of it for a while."""
    return await _mark(given, "snoozed", asking, timedelta(minutes=given.minutes))


@router.post("/resolve", **call(OneFinding))
async def resolve(given: OfFinding, asking: CallerDep) -> ApiResponse:
    """Say that it is mended: when it is found again, it is told as new."""
    return await _mark(given, "resolved", asking)


async def _mark(given: OfFinding, state: State, asking: CallerDep, wait: timedelta | None = None) -> ApiResponse:
    def work(connection: Connection, found: Access) -> ListedFinding:
        now = utc_now()
        return store.mark(connection, found.bot, given.finding_id, state, now, now + wait if wait else None)

    return ApiResponse({"finding": show_finding(await asking.write(given, work))})
