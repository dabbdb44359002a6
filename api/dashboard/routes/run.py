"""The page of one run: what was asked, what was answered, what it took."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, VisitorDep, html
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.approvals import question
from api.dashboard.views.run_list import run_line
from api.deps import utc_now
from heartbeat.domain.errors import NotFound
from heartbeat.domain.first_message import first_message
from heartbeat.store.overview import projects, waiting
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.runs.details import charged, steps
from heartbeat.store.runs.rehearsals import Rehearsal, rehearsal
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NOTICES = {
    "approved": "You approved the call; the run goes on in a moment.",
    "denied": "You denied the call; the run goes on without it in a moment.",
}


@dataclass(frozen=True)
class RunPage:
    """A run as its page shows it; `would` is what a rehearsal that has ended would have done."""

    run: Run
    heartbeat: Heartbeat
    bot: Bot
    steps: list[runs.StepLine]
    asked: list[waiting.PendingApproval]
    would: Rehearsal | None


@router.get("/runs/{uuid}")
async def run_page(uuid: str, visiting: VisitorDep, done: str = "") -> Response:
    """One run, also while it runs."""
    now = utc_now()
    frame, seen = await visiting.read_framed(lambda connection, project: _whole(connection, project, uuid))
    run, row = seen.run, seen.heartbeat
    questions = [question(asked, now) for asked in seen.asked]
    return html(
        "run",
        frame=frame,
        refresh=f"/runs/{run.uuid}",
        run=run,
        line=run_line(run, row.timezone, now, visiting.stack.settings),
        outcome=runs.outcome(run),
        opening=first_message(run.opening, run.prompt) if run.opening else None,
        report=runs.report(run),
        would=runs.would(seen.would) if seen.would else None,
        waiting=[one for one in questions if one.state == "pending" and run.status == "running"],
        decided=[one for one in questions if one.state != "pending"],
        heartbeat=row,
        title=heartbeats.title(row),
        place=heartbeats.place(row),
        bot=seen.bot,
        steps=seen.steps,
        done=NOTICES.get(done),
    )


def _whole(connection: Connection, project: Project, uuid: str) -> RunPage:
    run = run_by_uuid(connection, as_public_id(uuid))
    if run.project_id != project.id:
        raise NotFound("run", uuid[:64])
    row, bot = projects.heartbeat_of_run(connection, run.heartbeat_id)
    run_id = run.id
    transcript = runs.steps(steps(connection, run_id), charged(connection, run_id))
    would = rehearsal(connection, run) if run.dry_run and run.status != "running" else None
    # Only calls of tools are asked for.
    called = any(step.kind == "tool" for step in transcript)
    asked = waiting.approvals_of_run(connection, run) if called else []
    return RunPage(run, row, bot, transcript, asked, would)
