"""Runs by hand: trigger a heartbeat and answer with what its run came to, or cancel what is in progress."""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep
from api.manual_runs import answer_of_run, running
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.heartbeats import Trigger
from api.schemas.logs import Triggered
from api.schemas.runs import Cancel, Cancelled, show_result
from heartbeat.domain.contracts import RunResult
from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.heartbeats.plan_limits import require_heartbeats, require_own_models
from heartbeat.store.heartbeats.project_holds import require_no_hold
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.runs.runs import name_canceller, runs_in_progress, runs_of
from heartbeat.store.runs.variants import promise_rehearsal
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import cancel_run, manual_workflow_id, result_within, start_gated_run, start_manual_run

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"], strict_content_type=False)

# A model call hears of it within 10 seconds.
CANCEL_WAIT = 15.0


@router.post("/trigger", **call(Triggered, later=True))
async def trigger(body: Trigger, caller: CallerDep) -> ApiResponse:
    """Run a heartbeat now, enabled or not, and wait for the result. If you hang up the run still ends and is logged.

    With `dry_run` it is a rehearsal: what acts is written down and not done. It may have another prompt, model or
    instruction than what is saved. With `gate` it asks the gate as a tick does, and may be skipped.
    """
    stack = caller.stack
    access, heartbeat = await caller.read_inline(body, _startable, body.dry_run, caller.now())
    log_id = caller.claim.new_id("log") if caller.claim else new_id("log")
    deadline = monotonic() + stack.settings.trigger_wait if body.wait else 0
    if body.dry_run and body.changes:
        await caller.write(body, promise_rehearsal, log_id, body.changes, caller.now())
    row = ScheduledRow.of(heartbeat, access)
    run = stack.temporal, stack.settings, row, log_id
    asks_gate = body.gate and not body.dry_run
    handle = await (start_gated_run(*run) if asks_gate else start_manual_run(*run, body.dry_run))
    return await answer_of_run(caller, body, handle, log_id, deadline)


@router.post("/cancel", **call(Cancelled, later=True))
async def cancel(body: Cancel, caller: CallerDep) -> ApiResponse:
    """End one run, or all of the heartbeat in progress. Each is charged for what it used and logged as cancelled."""
    stack = caller.stack
    heartbeat, runs = await caller.read(body, _cancellable, body.log_id)
    workflows = _to_cancel(heartbeat, runs, body.log_id)
    if runs:
        await caller.write(body, name_canceller, workflows.keys())
    handles = await asyncio.gather(*(cancel_run(stack.temporal, *workflow) for workflow in workflows.values()))
    if not runs and not any(handles):
        raise NotFound("run", str(body.log_id)[:64])
    seconds = min(CANCEL_WAIT, stack.settings.trigger_wait) if body.wait else 0
    ends = await asyncio.gather(*(result_within(handle, seconds) for handle in handles if handle and seconds))
    results = await caller.read(body, _results, heartbeat, list(workflows), stack.settings)
    result = _together(results or [_without_log(next(iter(workflows)), ends)], stack.settings)
    return ApiResponse({"result": result}, 202 if result["status"] == "running" else 200)


def _startable(connection: Connection, access: Access, dry_run: bool, now: datetime) -> tuple[Access, Heartbeat]:
    """Raises `NotFound`, `Forbidden`, or `Conflict` while the project is on hold."""
    heartbeat = access.heartbeat
    require_heartbeats(access.project, access.plan, access.bot)
    if not dry_run:
        # A rehearsal may have another model.
        require_own_models(access.project, access.plan, access.bot, heartbeat)
    require_no_hold(connection, access.project, now)
    return access, heartbeat


def _cancellable(connection: Connection, access: Access, log_id: str | None) -> tuple[Heartbeat, list[Run]]:
    """Read the heartbeat, and the run with this id or those in progress."""
    heartbeat = access.heartbeat_or_task
    runs = runs_of(connection, heartbeat, [log_id]) if log_id else runs_in_progress(connection, heartbeat)
    return heartbeat, runs


def _to_cancel(heartbeat: Heartbeat, runs: list[Run], log_id: str | None) -> dict[str, tuple[str, str | None]]:
    """Map log ids to workflow and run ids in Temporal; a run that waits for a worker has no row yet."""
    going = {run.uuid: (run.workflow_id, run.workflow_run_id) for run in runs if run.status == "running"}
    workflows = {uuid: (workflow, run_id) for uuid, (workflow, run_id) in going.items() if workflow}
    if workflows:
        return workflows
    if log_id is None:
        raise Conflict("nothing_running", "This heartbeat has no run in progress, so there was nothing to cancel.")
    if runs:
        raise Conflict("nothing_running", f"The run {log_id} has ended already, as {runs[0].status}.")
    if not as_public_id(log_id):
        raise NotFound("run", log_id[:64])
    return {log_id: (manual_workflow_id(heartbeat, log_id), None)}


def _together(results: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """Add up what several cancelled runs came to. One may have ended by itself before the cancel reached it."""
    statuses = [result["status"] for result in results]
    status = next((word for word in ("running", "cancelled") if word in statuses), statuses[0])
    sums = {name: sum(result.get(name, 0) for result in results) for name in ("tokens_used", "credits_charged")}
    return {"status": status, **sums, "price": settings.price(sums["credits_charged"]), "runs": results}


def _without_log(log_id: str, ends: list[RunResult | None]) -> dict[str, Any]:
    """Show a run that no worker had begun."""
    end = ends[0] if ends else None
    return {"status": end.status, "error_message": end.reason, "log_id": log_id} if end else running(log_id)


def _results(
    connection: Connection, access: Access, heartbeat: Heartbeat, log_ids: list[str], settings: Settings
) -> list[dict[str, Any]]:
    return [show_result(run, settings) for run in runs_of(connection, heartbeat, log_ids)]
