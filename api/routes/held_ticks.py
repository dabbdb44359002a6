"""Held ticks: skip one tick of a heartbeat or a scheduled task, list what is held, let it run after all."""

from typing import Annotated

from fastapi import APIRouter

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.fields import OfHeartbeat
from api.schemas.held_ticks import HeldTicks, OfTick, show_held
from heartbeat.store.heartbeats import held_ticks as store

router = APIRouter(prefix="/v1/bot/heartbeat/hold", tags=["Heartbeats"], strict_content_type=False)


@router.post("", **call(HeldTicks))
async def hold(body: OfTick, caller: CallerDep) -> ApiResponse:
    """Skip one tick of a heartbeat or scheduled task. When it comes, its log says that it was held."""
    return ApiResponse(show_held(await caller.write(body, store.hold_tick, body.tick, caller.now())))


@router.get("", **call(HeldTicks, query=OfHeartbeat))
async def held(query: Annotated[OfHeartbeat, query_params(OfHeartbeat)], caller: CallerDep) -> ApiResponse:
    """List the ticks that are to come and held."""
    return ApiResponse(show_held(await caller.read(query, store.held_ticks, caller.now())))


@router.delete("", **call(HeldTicks, query=OfTick))
async def release(query: Annotated[OfTick, query_params(OfTick)], caller: CallerDep) -> ApiResponse:
    """Let a tick that is held run after all."""
    return ApiResponse(show_held(await caller.write(query, store.release_tick, query.tick, caller.now())))
