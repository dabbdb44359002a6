"""One run, step by step: read it, also while it runs, have its events streamed, or replay it."""

from time import monotonic
from typing import Annotated, Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from api.deps import CallerDep, query_params
from api.manual_runs import answer_of_run
from api.openapi import call
from api.responses import ApiResponse
from api.run_stream import SeenStates, changes, stream
from api.schemas.logs import Triggered
from api.schemas.runs import OfRun, OneRun, Replay, show_attempt, show_head, show_opening, show_step
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import details
from heartbeat.store.runs.variants import promise_replay
from heartbeat.temporal.runs import start_manual_run

router = APIRouter(prefix="/v1/bot/run", tags=["Runs"], strict_content_type=False)

# Proxies must neither keep the stream nor collect it.
STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/read", **call(OneRun, query=OfRun))
async def read(query: Annotated[OfRun, query_params(OfRun)], caller: CallerDep) -> ApiResponse:
    """Read one run with its steps and every request it made to a provider, also while it runs."""
    return ApiResponse({"run": await caller.read(query, _run, query.run_id, caller.stack.settings)})


@router.get("/events", response_class=StreamingResponse, **call(None, query=OfRun))
async def events(
    request: Request, query: Annotated[OfRun, query_params(OfRun)], caller: CallerDep
) -> StreamingResponse:
    """Stream a run as server-sent events: `run`, `step` for each new or changed step, and `end` when it has ended."""
    seen = SeenStates.from_id(request.headers.get("last-event-id", ""))
    # Here and not in the stream: it may be refused.
    first = await changes(caller, query, seen)
    chunks = stream(caller, query, first, seen, request.app.state.closing)
    return StreamingResponse(chunks, headers=STREAMED, media_type="text/event-stream")


@router.post("/replay", **call(Triggered, later=True))
async def replay(body: Replay, caller: CallerDep) -> ApiResponse:
    """Rehearse a run once more, with another prompt, model or instruction, and wait for it.

    Its tool calls are answered with what the run recorded: nothing is called but the model, which is charged.
    """
    stack = caller.stack
    log_id = caller.claim.new_id("log") if caller.claim else new_id("log")
    deadline = monotonic() + stack.settings.trigger_wait if body.wait else 0
    replayed = await caller.write(body, promise_replay, log_id, body.run_id, body.changes, caller.now())
    heartbeat, bot = replayed.heartbeat, replayed.bot
    handle = await start_manual_run(stack.temporal, stack.settings, heartbeat, bot.name, log_id, dry_run=True)
    return await answer_of_run(caller, body, handle, log_id, deadline)


def _run(connection: Connection, access: Access, run_uuid: str, settings: Settings) -> dict[str, Any]:
    run = details.log(connection, access.bot.id, run_uuid)
    charged = details.charged(connection, run.id)
    steps = [show_step(step, charged.get(step.number, 0)) for step in details.steps(connection, run.id)]
    attempts = [show_attempt(attempt) for attempt in details.attempts(connection, run.id)]
    return {**show_head(run, settings), **show_opening(run), "steps": steps, "attempts": attempts}
