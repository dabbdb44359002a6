"""One run, step by step: read it, also while it runs, or have its events streamed."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from api.deps import QueryCaller, in_query
from api.openapi import call
from api.responses import ApiResponse
from api.run_stream import RunChanges, SeenStates, changes_since, stream
from api.schemas.runs import OfRun, OneRun, show_attempt, show_head, show_step, show_told
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import details

router = APIRouter(prefix="/v1/bot/run", tags=["Runs"])

# Proxies must neither keep the stream nor collect it.
STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/read", **call(OneRun, query=OfRun))
async def read(asking: Annotated[QueryCaller[OfRun], in_query(OfRun)]) -> ApiResponse:
    """Read one run with its steps and every request it made to a provider, also while it runs."""
    given = asking.given
    settings = asking.stack.settings

    def work(connection: Connection, found: Access) -> dict[str, Any]:
        run = details.log(connection, found.bot.id, given.run_id)
        charged = details.charged(connection, run.id)
        steps = [show_step(step, charged.get(step.number, 0)) for step in details.steps(connection, run.id)]
        attempts = [show_attempt(attempt) for attempt in details.attempts(connection, run.id)]
        return {**show_head(run, settings), **show_told(run), "steps": steps, "attempts": attempts}

    return ApiResponse({"run": await asking.read(given, work)})


@router.get("/events", response_class=StreamingResponse, **call(None, query=OfRun))
async def events(request: Request, asking: Annotated[QueryCaller[OfRun], in_query(OfRun)]) -> StreamingResponse:
    """Stream a run as server-sent events: `run`, `step` for each new or changed step, and `end` when it has ended."""
    given = asking.given
    seen = SeenStates.from_id(request.headers.get("last-event-id", ""))

    def work(connection: Connection, found: Access) -> RunChanges:
        return changes_since(connection, found.bot.id, given.run_id, seen, asking.stack.settings)

    first = await asking.read(given, work)
    told = stream(first, seen, lambda: asking.read(given, work), request.app.state.closing)
    return StreamingResponse(told, headers=STREAMED, media_type="text/event-stream")
