"""One run, step by step: read it, also while it runs, have its events streamed, replay it, or rate it."""

from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from api.deps import CallerDep, query_params
from api.manual_runs import answer_of_run
from api.openapi import call
from api.responses import ApiResponse
from api.run_details import run_object
from api.run_stream import RunChanges, SeenStates, event_stream, run_changes
from api.schemas.logs import Triggered
from api.schemas.ratings import show_rating
from api.schemas.runs import OfRun, OneRun, Rate, Rated, Replay
from heartbeat.domain.ids import new_id
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.ratings import Rating, rate
from heartbeat.store.runs.runs import run_of_bot
from heartbeat.store.runs.variants import promise_replay
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_manual_run

router = APIRouter(prefix="/v1/bot/run", tags=["Runs"], strict_content_type=False)


@router.get("/read", **call(OneRun, query=OfRun))
async def read(query: Annotated[OfRun, query_params(OfRun)], caller: CallerDep) -> ApiResponse:
    """Read one run with its steps and every request it made to a provider, also while it runs."""
    return ApiResponse({"run": await caller.read(query, run_object, query.run_id, caller.stack.settings)})


@router.get("/events", response_class=StreamingResponse, **call(None, query=OfRun))
async def events(
    request: Request, query: Annotated[OfRun, query_params(OfRun)], caller: CallerDep
) -> StreamingResponse:
    """Stream a run as server-sent events: `run`, `step` for each new or changed step, and `end` when it has ended."""

    async def look(seen: SeenStates) -> RunChanges:
        return await caller.read(query, run_changes, query.run_id, caller.stack.settings, seen)

    return await event_stream(request, look)


@router.post("/replay", **call(Triggered, later=True))
async def replay(body: Replay, caller: CallerDep) -> ApiResponse:
    """Rehearse a run once more, with another prompt, model or instruction, and wait for it.

    Its tool calls are answered with what the run recorded: nothing is called but the model, which is charged.
    """
    stack = caller.stack
    log_id = caller.claim.new_id("log") if caller.claim else new_id("log")
    deadline = monotonic() + stack.settings.trigger_wait if body.wait else 0
    replayed = await caller.write(body, promise_replay, log_id, body.run_id, body.changes, caller.now())
    handle = await start_manual_run(stack.temporal, stack.settings, replayed.scheduled_row, log_id, dry_run=True)
    return await answer_of_run(caller, body, handle, log_id, deadline)


@router.post("/rate", **call(Rated))
async def rate_run(body: Rate, caller: CallerDep) -> ApiResponse:
    """Say that a run was good or bad, with a note, or take that back. The last word counts."""
    run = await caller.write(body, _rated, body.run_id, Rating(body.liked, body.note), caller.now())
    return ApiResponse({"rating": show_rating(run)})


def _rated(connection: Connection, access: Access, run_uuid: str, rating: Rating, now: datetime) -> Run:
    return rate(connection, run_of_bot(connection, access, run_uuid).uuid, replace(rating, by=access.actor.words), now)
