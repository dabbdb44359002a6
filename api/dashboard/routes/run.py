"""The page of one run: what was asked, what was answered, what it took."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, VisitorDep, html
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.approvals import approval_view
from api.dashboard.views.run_list import run_line
from heartbeat.domain.errors import NotFound
from heartbeat.domain.first_message import first_message
from heartbeat.store.overview.projects import heartbeat_of_run
from heartbeat.store.overview.waiting import PendingApproval, approvals_of_run
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.runs import details
from heartbeat.store.runs.rehearsals import Rehearsal, rehearsal
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NOTICES = {
    "approved": "You approved the call; the run goes on in a moment.",
    "cancel": "The run is being cancelled; what it used is charged.",
    "denied": "You denied the call; the run goes on without it in a moment.",
}


@dataclass(frozen=True)
class RunRows:
    """A run as its page shows it; `rehearsal` is what a rehearsal that has ended would have done."""

    run: Run
    heartbeat: Heartbeat
    bot: Bot
    steps: list[runs.StepLine]
    failed_requests: list[runs.FailedRequest]
    approvals: list[PendingApproval]
    rehearsal: Rehearsal | None


@router.get("/runs/{uuid}")
async def run_page(uuid: str, visitor: VisitorDep, done: str = "") -> Response:
    """One run, also while it runs."""
    now = visitor.now()
    frame, rows = await visitor.read_framed(_run, uuid)
    run, heartbeat = rows.run, rows.heartbeat
    approvals = [approval_view(approval, now) for approval in rows.approvals]
    return html(
        "run",
        frame=frame,
        refresh=f"/runs/{run.uuid}",
        run=run,
        line=run_line(run, heartbeat.timezone, now, visitor.stack.settings),
        outcome=runs.outcome(run),
        opening=first_message(run.opening, run.prompt) if run.opening else None,
        report=runs.report(run),
        rehearsal=runs.rehearsal_view(rows.rehearsal) if rows.rehearsal else None,
        waiting=[approval for approval in approvals if approval.state == "pending" and run.status == "running"],
        decided=[approval for approval in approvals if approval.state != "pending"],
        heartbeat=heartbeat,
        title=heartbeats.title(heartbeat),
        place=heartbeats.page_path(heartbeat),
        bot=rows.bot,
        steps=rows.steps,
        failed_requests=rows.failed_requests,
        done=NOTICES.get(done),
    )


def _run(connection: Connection, access: Access, uuid: str) -> RunRows:
    run = run_by_uuid(connection, as_public_id(uuid))
    if run.project_id != access.project.id:
        raise NotFound("run", uuid[:64])
    heartbeat, bot = heartbeat_of_run(connection, run.heartbeat_id)
    steps = runs.steps(details.steps(connection, run.id), details.charged(connection, run.id))
    failed_requests = runs.failed_requests(details.attempts(connection, run.id))
    # Only calls of tools are asked for.
    approvals = approvals_of_run(connection, run) if any(step.kind == "tool" for step in steps) else []
    would = rehearsal(connection, run) if run.dry_run and run.status != "running" else None
    return RunRows(run, heartbeat, bot, steps, failed_requests, approvals, would)
