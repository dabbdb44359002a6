"""Runs by hand: trigger a heartbeat and answer with what its run came to."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.answers import Answer
from api.deps import Asking
from api.openapi import call
from api.schemas.heartbeats import Trigger
from api.schemas.logs import Triggered
from heartbeat.allowed import require_heartbeats
from heartbeat.errors import NotFound
from heartbeat.ids import new_id
from heartbeat.store.access import Access
from heartbeat.store.records import Run
from heartbeat.store.runs import run_by_uuid
from heartbeat.store.tables import Heartbeat
from heartbeat.temporal import result_within, start_manual_run

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])


@router.post("/trigger", **call(Triggered, later=True))
async def trigger(given: Trigger, asking: Asking) -> Answer:
    """Run a heartbeat now, enabled or not, and wait for the result. If you hang up the run still ends and is logged."""
    stack = asking.stack

    def work(_: Connection, found: Access) -> tuple[Heartbeat, str]:
        row = found.heartbeat
        require_heartbeats(found.project, asking.plan(found), found.bot)
        return row, found.bot.name

    row, bot_name = await asking.read(given, work)
    log_id = asking.claim.new_id("log") if asking.claim else new_id("log")
    handle = await start_manual_run(stack.temporal, stack.settings, row, bot_name, log_id)
    result = await result_within(handle, stack.settings.trigger_wait) if given.wait else None
    run = await asking.read(given, lambda connection, _: _run(connection, log_id)) if result else None
    if result is None or (run is not None and run.status == "running"):
        return Answer({"result": {"status": "running", "log_id": log_id}}, 202)
    return Answer({"result": _show(run) if run else {"status": result.status, "error_message": result.why}})


def _run(connection: Connection, log_id: str) -> Run | None:
    try:
        return run_by_uuid(connection, log_id)
    except NotFound:
        return None


def _show(run: Run) -> dict[str, Any]:
    return {
        "status": run.status,
        "response": run.response,
        "duration_ms": run.duration_ms,
        "tokens_used": run.tokens_used,
        "credits_charged": run.credits_charged,
        "error_message": run.error_message,
        "skip_reason": run.skip_reason,
        "log_id": run.uuid,
    }
