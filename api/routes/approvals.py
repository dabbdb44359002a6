"""Approvals: what waits for a person's yes, and the yes or no itself."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection, Row

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.approvals import DECISIONS, AllApprovals, Decide, ListApprovals, OneApproval, show_approval
from api.schemas.pages import pagination
from heartbeat.store.database.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import approvals as store
from heartbeat.temporal.runs import wake

router = APIRouter(prefix="/v1/bot/approval", tags=["Approvals"], strict_content_type=False)


@router.get("/readall", **call(AllApprovals, query=ListApprovals))
async def readall(query: Annotated[ListApprovals, query_params(ListApprovals)], caller: CallerDep) -> ApiResponse:
    """List what of a bot waits, or waited, for a person: tool calls and runs without credits, newest first."""
    page = Page(query.page, query.per_page)
    approvals, total = await caller.read(query, store.approvals, query.state, page)
    objects = [show_approval(approval, caller.stack.settings) for approval in approvals]
    return ApiResponse({"total": total, "approvals": objects, "pagination": pagination(page, total)})


@router.post("/decide", **call(OneApproval))
async def decide(body: Decide, caller: CallerDep) -> ApiResponse:
    """Approve or deny what waits for it. The same decision again is a success, the other one a conflict."""
    approval = await caller.write(body, _decided, body, caller.now())
    await wake(caller.stack.temporal, approval.workflow_id, approval.step)
    return ApiResponse({"approval": show_approval(approval, caller.stack.settings)})


def _decided(connection: Connection, access: Access, body: Decide, now: datetime) -> Row[Any]:
    approval = store.approval(connection, body.approval_id, access.bot)
    store.decide(connection, approval.uuid, DECISIONS[body.decision], access.actor.words, now, body.credits)
    return store.approval(connection, approval.uuid)
