"""The buttons of a run's page: cancel, run again, rehearse, replay, rate; and a run beside its replay."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form, validated
from api.dashboard.pages import PageRoute, html
from api.dashboard.rating_form import read_rating
from api.dashboard.sent_again import promise_once
from api.dashboard.views import comparison
from api.dashboard.views.heartbeats import title
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.variants import VariedFields
from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.heartbeats.plan_limits import require_heartbeats, require_own_models
from heartbeat.store.heartbeats.project_holds import require_no_hold
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.overview.projects import access_to_heartbeat, heartbeat_of_run
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.comparisons import ComparedRun, compared_runs
from heartbeat.store.runs.ratings import Rating, rate
from heartbeat.store.runs.runs import name_canceller, run_by_uuid, run_of_project
from heartbeat.store.runs.variants import ReplayedRun, promise_rehearsal, promise_replay, replayable
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import cancel_run, result_within, start_manual_run

router = APIRouter(prefix="/runs/{uuid}", route_class=PageRoute, include_in_schema=False)

# A worker opens a run within a moment; a page that shows it would not be there before.
OPENED_WITHIN, LOOK_EVERY = 5.0, 0.1
CANCELLED_WITHIN = 5.0


@dataclass(frozen=True)
class ComparedRows:
    """A run, another one beside it, and the heartbeat of both."""

    before: ComparedRun
    after: ComparedRun
    heartbeat: Heartbeat


@router.post("/cancel")
async def cancel(uuid: str, visitor: VisitorDep) -> Response:
    """End a run that is going, and wait a moment for its end."""
    run = await visitor.read(run_of_project, uuid)
    if run.status != "running" or run.workflow_id is None:
        raise Conflict("nothing_running", f"The run {run.uuid} has ended already, as {run.status}.")
    await visitor.write(name_canceller, [run.uuid])
    handle = await cancel_run(visitor.stack.temporal, run.workflow_id, run.workflow_run_id)
    if handle is not None:
        await result_within(handle, CANCELLED_WITHIN)
    return RedirectResponse(f"/runs/{run.uuid}?done=cancel", 303)


@router.post("/again")
async def again(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Run the heartbeat of a run once more, as it is saved now."""
    return await _start(visitor, uuid, await read_form(request), dry_run=False)


@router.post("/rehearse")
async def rehearse(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Rehearse the heartbeat of a run, as it is saved now."""
    return await _start(visitor, uuid, await read_form(request), dry_run=True)


@router.post("/replay")
async def replay(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Replay a run with the prompt, model and instruction of the form, and show both side by side."""
    form = await read_form(request)
    changes = validated(VariedFields, form.filled(*VariedFields.model_fields)).changes
    log_id = await start_replay(visitor, uuid, changes, form)
    return RedirectResponse(f"/runs/{uuid}/compare/{log_id}", 303)


@router.post("/rate")
async def rate_run(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Say whether a run was any good, or take that back."""
    rating = read_rating(await read_form(request))
    await visitor.write(_rated, uuid, rating, visitor.now())
    return RedirectResponse(f"/runs/{uuid}?done={'unrated' if rating.liked is None else 'rated'}", 303)


def _rated(connection: Connection, access: Access, run_uuid: str, rating: Rating, now: datetime) -> Run:
    said = replace(rating, by=access.actor.words)
    return rate(connection, run_of_project(connection, access, run_uuid).uuid, said, now)


@router.get("/compare/{other}")
async def compare(uuid: str, other: str, visitor: VisitorDep) -> Response:
    """Two runs of a heartbeat side by side, the second one also while it runs."""
    frame, rows = await visitor.read_framed(_compared, uuid, other)
    return html(
        "compare",
        frame=frame,
        pairs=comparison.pairs([rows.before], [rows.after], visitor.now()),
        title=title(rows.heartbeat),
        back=f"/runs/{uuid}",
        refresh=f"/runs/{uuid}/compare/{other}" if rows.after.is_going else None,
    )


async def start_replay(visitor: Visitor, run_uuid: str, changes: Mapping[str, Any], form: Form) -> str:
    """Start the replay of a run that `form` asks for and return its log id; raises as `promise_replay` does."""
    stack = visitor.stack
    replayed, log_id = await visitor.write(_promised_replay, run_uuid, changes, form, visitor.now())
    await start_manual_run(stack.temporal, stack.settings, replayed.scheduled_row, log_id, dry_run=True)
    return log_id


def _promised_replay(
    connection: Connection, access: Access, run_uuid: str, changes: Mapping[str, Any], form: Form, now: datetime
) -> tuple[ReplayedRun, str]:
    def promise(log_id: str) -> None:
        promise_replay(connection, access, log_id, run_uuid, changes, now)

    replayed = replayable(connection, access, run_uuid)
    return replayed, promise_once(connection, access, form.replaced([("replay", run_uuid)]), now, promise)


async def _start(visitor: Visitor, run_uuid: str, form: Form, dry_run: bool) -> Response:
    """Start a run and lead to its page, or to its heartbeat's if no worker opens it within a moment."""
    stack = visitor.stack
    access, log_id = await visitor.write(_promised, run_uuid, form, dry_run, visitor.now())
    heartbeat = access.heartbeat
    row = ScheduledRow.of(heartbeat, access)
    await start_manual_run(stack.temporal, stack.settings, row, log_id, dry_run)
    if dry_run:
        return RedirectResponse(f"/rehearsals/{log_id}", 303)
    if await _is_opened(visitor, log_id):
        return RedirectResponse(f"/runs/{log_id}", 303)
    return RedirectResponse(f"/heartbeats/{heartbeat.uuid}?done=run", 303)


def _promised(
    connection: Connection, access: Access, run_uuid: str, form: Form, dry_run: bool, now: datetime
) -> tuple[Access, str]:
    access = _access_of_run(connection, access, run_uuid)
    require_heartbeats(access.project, access.plan, access.bot)
    require_own_models(access.project, access.plan, access.bot, access.heartbeat)
    require_no_hold(connection, access.project, now)

    def promise(log_id: str) -> None:
        if dry_run:
            promise_rehearsal(connection, access, log_id, {}, now)

    form = form.replaced([("rehearse" if dry_run else "again", run_uuid)])
    return access, promise_once(connection, access, form, now, promise)


async def _is_opened(visitor: Visitor, log_id: str) -> bool:
    deadline = monotonic() + OPENED_WITHIN
    while monotonic() < deadline:
        if await visitor.read(_exists, log_id):
            return True
        await asyncio.sleep(LOOK_EVERY)
    return False


def _exists(connection: Connection, access: Access, log_id: str) -> bool:
    try:
        return bool(run_by_uuid(connection, log_id))
    except NotFound:
        return False


def _access_of_run(connection: Connection, access: Access, uuid: str) -> Access:
    """Narrow the access to the heartbeat of a run; raises `NotFound`, also for one that is a task or was deleted."""
    heartbeat, _ = heartbeat_of_run(connection, run_of_project(connection, access, uuid).heartbeat_id)
    return access_to_heartbeat(connection, access, heartbeat.uuid)


def _compared(connection: Connection, access: Access, uuid: str, other: str) -> ComparedRows:
    before, after = compared_runs(connection, access, [uuid, other])
    if before.run is None:
        raise NotFound("run", uuid[:64])
    heartbeat, _ = heartbeat_of_run(connection, before.run.heartbeat_id)
    return ComparedRows(before, after, heartbeat)
