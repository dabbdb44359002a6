"""Approvals: what waits for a person's yes, and the yes or no itself."""

from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection, Row

from api.deps import CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.approvals import DECISIONS, AllApprovals, Decide, ListApprovals, OneApproval, show_approval
from api.schemas.pages import pagination
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import approvals as store
from heartbeat.temporal.runs import wake

router = APIRouter(prefix="/v1/bot/approval", tags=["Approvals"])


@router.get("/readall", **call(AllApprovals, query=ListApprovals))
async def readall(asking: Annotated[QueryCaller[ListApprovals], in_query(ListApprovals)]) -> ApiResponse:
    """List what a bot's runs asked a person for, newest first."""
    given = asking.given
    page = Page(given.page, given.per_page)
    rows, total = await asking.read(
        given, lambda connection, found: store.approvals(connection, found.bot, given.state, page)
    )
    shown = [show_approval(row) for row in rows]
    return ApiResponse({"total": total, "approvals": shown, "pagination": pagination(page, total)})


@router.post("/decide", **call(OneApproval))
async def decide(given: Decide, asking: CallerDep) -> ApiResponse:
    """Say yes or no to a call that waits for it. The same decision again is a success, the other one a conflict."""

    def work(connection: Connection, found: Access) -> Row[Any]:
        asked = store.approval(connection, given.approval_id, found.bot)
        store.decide(connection, asked.uuid, DECISIONS[given.decision], "a key of the project", utc_now())
        return store.approval(connection, given.approval_id, found.bot)

    row = await asking.write(given, work)
    await wake(asking.stack.temporal, row.workflow_id, row.step)
    return ApiResponse({"approval": show_approval(row)})
