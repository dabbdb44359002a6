"""The page of approvals: what waits for a person's yes, and what was decided lately."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import RedirectResponse, Response

from api.dashboard.pages import PageRoute, VisitorDep, form, html
from api.dashboard.views.approvals import question
from api.deps import utc_now
from api.schemas.approvals import DECISIONS
from heartbeat.domain.errors import Invalid
from heartbeat.store.overview import waiting
from heartbeat.store.runs import approvals as store
from heartbeat.store.tables.projects import Project
from heartbeat.temporal.runs import wake

router = APIRouter(prefix="/approvals", route_class=PageRoute, include_in_schema=False)

MOST_WAITING, MOST_OLD = 100, 20
BY = "somebody in the dashboard"
NOTICES = {
    "approved": "You approved the call; its run goes on in a moment.",
    "denied": "You denied the call; its run goes on without it in a moment.",
}


@router.get("")
async def approvals_page(visiting: VisitorDep, done: str = "") -> Response:
    """What waits in the project, and what waited."""
    now = utc_now()

    def work(
        connection: Connection, project: Project
    ) -> tuple[list[waiting.PendingApproval], list[waiting.PendingApproval]]:
        pending = waiting.waiting_approvals(connection, project, now, MOST_WAITING)
        return pending, waiting.old_approvals(connection, project, now, MOST_OLD)

    frame, (pending, old) = await visiting.read_framed(work)
    return html(
        "approvals",
        frame=frame,
        refresh="/approvals",
        waiting=[question(asked, now) for asked in pending],
        old=[question(asked, now) for asked in old],
        done=NOTICES.get(done),
    )


@router.post("/{uuid}/decide")
async def decide(uuid: str, request: Request, visiting: VisitorDep) -> Response:
    """Say yes or no, once, and go back to where the button was."""
    given = await form(request)
    decision = DECISIONS.get(given.get("decision", ""))
    if decision is None:
        raise Invalid("decision", "must be approve or deny")

    def work(connection: Connection, project: Project) -> Row[Any]:
        bot = waiting.bot_of_approval(connection, project, uuid)
        store.decide(connection, uuid, decision, BY, utc_now())
        return store.approval(connection, uuid, bot)

    row = await visiting.write(work)
    await wake(visiting.stack.temporal, row.workflow_id, row.step)
    back = f"/runs/{row.run_uuid}" if given.get("back") == "run" else "/approvals"
    return RedirectResponse(f"{back}?done={decision}", 303)
