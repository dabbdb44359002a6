"""Findings: what runs have reported, and what people say to it."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.findings import AllFindings, ListFindings, OfFinding, OneFinding, SnoozeFinding, show_finding
from api.schemas.pages import pagination
from heartbeat.store.database.pages import Page
from heartbeat.store.notifications import findings as store

router = APIRouter(prefix="/v1/bot/finding", tags=["Findings"], strict_content_type=False)


@router.get("/readall", **call(AllFindings, query=ListFindings))
async def readall(query: Annotated[ListFindings, query_params(ListFindings)], caller: CallerDep) -> ApiResponse:
    """List a bot's findings, last seen first."""
    page = Page(query.page, query.per_page)
    findings, total = await caller.read(query, store.findings, query.state, page)
    objects = [show_finding(finding) for finding in findings]
    return ApiResponse({"total": total, "findings": objects, "pagination": pagination(page, total)})


@router.post("/acknowledge", **call(OneFinding))
async def acknowledge(body: OfFinding, caller: CallerDep) -> ApiResponse:
    """Acknowledge a finding: nothing more is said of it until its severity rises."""
    finding = await caller.write(body, store.set_finding_state, body.finding_id, "acknowledged", caller.now())
    return ApiResponse({"finding": show_finding(finding)})


@router.post("/snooze", **call(OneFinding))
async def snooze(body: SnoozeFinding, caller: CallerDep) -> ApiResponse:
    """Snooze a finding: nothing is said of it for some minutes."""
    now = caller.now()
    until = now + timedelta(minutes=body.minutes)
    finding = await caller.write(body, store.set_finding_state, body.finding_id, "snoozed", now, until)
    return ApiResponse({"finding": show_finding(finding)})


@router.post("/resolve", **call(OneFinding))
async def resolve(body: OfFinding, caller: CallerDep) -> ApiResponse:
    """Resolve a finding: when a run reports it again, it is told as back."""
    finding = await caller.write(body, store.set_finding_state, body.finding_id, "resolved", caller.now())
    return ApiResponse({"finding": show_finding(finding)})
