"""Runs that a request starts: what is answered when they end, or when they take longer than anybody waits."""

from time import monotonic
from typing import Any

from sqlalchemy import Connection

from api.deps import Caller
from api.responses import ApiResponse
from api.schemas.fields import OfProject
from api.schemas.runs import show_rehearsal, show_result
from heartbeat.domain.errors import NotFound
from heartbeat.settings import Settings
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.rehearsals import rehearsal
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.temporal.runs import RunHandle, result_within


async def answer_of_run(caller: Caller, ids: OfProject, handle: RunHandle, log_id: str, deadline: float) -> ApiResponse:
    """Answer with what a run came to by `deadline` (of the monotonic clock), else that it is running."""
    seconds_left = deadline - monotonic()
    end = await result_within(handle, seconds_left) if seconds_left > 0 else None
    result = await caller.read_inline(ids, _result, log_id, caller.stack.settings) if end else None
    if end is None or (result is not None and result["status"] == "running"):
        return ApiResponse({"result": running(log_id)}, 202)
    return ApiResponse({"result": result or {"status": end.status, "error_message": end.reason}})


def running(log_id: str) -> dict[str, Any]:
    """Show a run that has not ended."""
    return {"status": "running", "log_id": log_id}


def _result(connection: Connection, access: Access, log_id: str, settings: Settings) -> dict[str, Any] | None:
    """Read what a run came to, and what a rehearsal would have done; `None` for one that never began."""
    try:
        run = run_by_uuid(connection, log_id)
    except NotFound:
        return None
    result = show_result(run, settings)
    if run.dry_run:
        result["rehearsal"] = show_rehearsal(rehearsal(connection, run))
    return result
