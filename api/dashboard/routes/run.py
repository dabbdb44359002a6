"""The page of one run: what was asked, what was answered, what it took; live while it goes, and raw."""

from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, html
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.approvals import approval_view
from api.dashboard.views.gates import seen
from api.dashboard.views.markdown import markdown
from api.dashboard.views.notifications import notification_view
from api.dashboard.views.quality import rating_view
from api.dashboard.views.run_list import run_line
from api.dashboard.views.run_steps import RunTimes, step_tree
from api.dashboard.visitor import SignedOut, Visitor, VisitorDep
from api.responses import ApiResponse
from api.run_details import run_object
from api.run_stream import RunChanges, SeenStates, event_stream, run_changes
from heartbeat.domain.errors import Unauthorized
from heartbeat.domain.first_message import first_message
from heartbeat.settings import Settings
from heartbeat.store.notifications.messages import ListedNotification, notifications_of_run
from heartbeat.store.overview.projects import access_to_run, heartbeat_of_run
from heartbeat.store.overview.waiting import PendingApproval, approvals_of_run
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import details
from heartbeat.store.runs.rehearsals import Rehearsal, rehearsal
from heartbeat.store.runs.runs import run_of_project
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt, Run, Step

router = APIRouter(prefix="/runs/{uuid}", route_class=PageRoute, include_in_schema=False)

MAX_MESSAGES = 100
NOTICES = {
    "approved": marked("You approved the call; the run goes on in a moment."),
    "cancel": marked("The run is being cancelled; what it used is charged."),
    "denied": marked("You denied the call; the run goes on without it in a moment."),
    "given": marked("You gave it more credits; the run goes on in a moment."),
    "ended": marked("You ended the run; that is written down in a moment."),
    "rated": marked("Thank you: the run is rated."),
    "unrated": marked("The rating was taken back."),
}


@dataclass(frozen=True)
class RunRows:
    """A run as its page shows it; `rehearsal` is what a rehearsal that has ended would have done."""

    run: Run
    heartbeat: Heartbeat
    bot: Bot
    steps: list[Step]
    charged: dict[int, int]
    attempts: list[Attempt]
    approvals: list[PendingApproval]
    messages: list[ListedNotification]
    rehearsal: Rehearsal | None


@router.get("")
async def run_page(uuid: str, visitor: VisitorDep, done: str = "") -> Response:
    """One run, also while it runs."""
    now = visitor.now()
    frame, rows = await visitor.read_framed(_run, uuid)
    run, heartbeat = rows.run, rows.heartbeat
    approvals = [approval_view(approval, now) for approval in rows.approvals]
    decided = {one.approval.step: one.approval.decided_at for one in rows.approvals if one.approval.decided_at}
    steps = step_tree(rows.steps, rows.charged, RunTimes.of(run, rows.steps, decided, now))
    return html(
        "run",
        frame=frame,
        refresh=f"/runs/{run.uuid}",
        run=run,
        line=run_line(run, heartbeat.timezone, now, visitor.stack.settings),
        trace_url=visitor.stack.settings.trace_link(run.uuid) if run.status != "skipped" else None,
        outcome=runs.outcome(run),
        answer=markdown(run.response) if run.response else None,
        opening=first_message(run.opening, run.prompt) if run.opening else None,
        report=runs.report(run),
        gate=seen(run.gate),
        rating=rating_view(run, heartbeat.timezone, now),
        rehearsal=runs.rehearsal_view(rows.rehearsal) if rows.rehearsal else None,
        waiting=[approval for approval in approvals if approval.state == "pending" and run.status == "running"],
        decided=[approval for approval in approvals if approval.state != "pending"],
        messages=[notification_view(listed, now) for listed in rows.messages],
        heartbeat=heartbeat,
        title=heartbeats.title(heartbeat),
        place=heartbeats.page_path(heartbeat),
        bot=rows.bot,
        steps=steps,
        step_count=len(rows.steps),
        costs=runs.step_costs(rows.attempts),
        failed_requests=runs.failed_requests(rows.attempts),
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def _run(connection: Connection, access: Access, uuid: str) -> RunRows:
    run = run_of_project(connection, access, uuid)
    heartbeat, bot = heartbeat_of_run(connection, run.heartbeat_id)
    steps = details.steps(connection, run.id)
    # Only calls of tools are asked for, and steps without credits.
    is_asked = run.parked or any(step.kind == "tool" for step in steps)
    approvals = approvals_of_run(connection, run) if is_asked else []
    return RunRows(
        run,
        heartbeat,
        bot,
        steps,
        details.charged(connection, run.id),
        details.attempts(connection, run.id),
        approvals,
        notifications_of_run(connection, run.id, MAX_MESSAGES),
        rehearsal(connection, run) if run.dry_run and run.status != "running" else None,
    )


@router.get("/events")
async def events(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """The stream of the API, for the session that looks at the page."""
    return await event_stream(request, partial(_look, visitor, uuid))


async def _look(visitor: Visitor, uuid: str, seen: SeenStates) -> RunChanges:
    try:
        return await visitor.read(_changes, uuid, visitor.stack.settings, seen)
    except SignedOut:
        raise Unauthorized("The session has ended; sign in again.") from None


def _changes(connection: Connection, access: Access, uuid: str, settings: Settings, seen: SeenStates) -> RunChanges:
    return run_changes(connection, access_to_run(connection, access, uuid), uuid, settings, seen)


@router.get("/json")
async def as_json(uuid: str, visitor: VisitorDep) -> Response:
    """The run as the API reads it."""
    return ApiResponse({"run": await visitor.read(_object, uuid, visitor.stack.settings)})


def _object(connection: Connection, access: Access, uuid: str, settings: Settings) -> dict[str, object]:
    return run_object(connection, access_to_run(connection, access, uuid), uuid, settings)
