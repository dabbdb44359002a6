"""The page of approvals: what waits for a person's yes, and what was decided lately."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection, Row
from starlette.responses import RedirectResponse, Response

from api.dashboard.approval_form import DecisionForm, done, read_decision
from api.dashboard.forms import read_form
from api.dashboard.pages import PageRoute, html
from api.dashboard.translations import marked
from api.dashboard.views.approvals import approval_view
from api.dashboard.visitor import VisitorDep
from heartbeat.store.overview.waiting import PendingApproval, bot_of_approval, old_approvals, waiting_approvals
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import approvals as store
from heartbeat.temporal.runs import wake

router = APIRouter(prefix="/approvals", route_class=PageRoute, include_in_schema=False)

MAX_WAITING, MAX_OLD = 100, 20
NOTICES = {
    "approved": marked("You approved the call; its run goes on in a moment."),
    "denied": marked("You denied the call; its run goes on without it in a moment."),
    "given": marked("You gave it more credits; its run goes on in a moment."),
    "ended": marked("You ended the run; that is written down in a moment."),
}


@router.get("")
async def approvals_page(visitor: VisitorDep, notice: Annotated[str, Query(alias="done")] = "") -> Response:
    """What waits in the project, and what waited."""
    now = visitor.now()
    frame, (waiting, old) = await visitor.read_framed(_approvals, now)
    return html(
        "approvals",
        frame=frame,
        refresh="/approvals",
        waiting=[approval_view(approval, now) for approval in waiting],
        old=[approval_view(approval, now) for approval in old],
        done=NOTICES.get(notice),
    )


def _approvals(
    connection: Connection, access: Access, now: datetime
) -> tuple[list[PendingApproval], list[PendingApproval]]:
    waiting = waiting_approvals(connection, access.project, now, MAX_WAITING)
    return waiting, old_approvals(connection, access.project, now, MAX_OLD)


@router.post("/{uuid}/decide")
async def decide(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Say yes or no, once, and go back to where the button was."""
    form = await read_form(request)
    said = read_decision(form)
    approval = await visitor.write(_decided, uuid, said, visitor.now())
    await wake(visitor.stack.temporal, approval.workflow_id, approval.step)
    back = f"/runs/{approval.run_uuid}" if form.get("back") == "run" else "/approvals"
    return RedirectResponse(f"{back}?done={done(approval.reason, said.decision)}", 303)


def _decided(connection: Connection, access: Access, approval_uuid: str, said: DecisionForm, now: datetime) -> Row[Any]:
    bot = bot_of_approval(connection, access.project, approval_uuid)
    store.decide(connection, approval_uuid, said.decision, access.actor.words, now, said.credits)
    return store.approval(connection, approval_uuid, bot)
