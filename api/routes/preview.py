"""Preview: see what a heartbeat would do and cost before it does. Nothing is stored."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter

from api.deps import CallerDep
from api.gates import checked_headers
from api.model_rates import model_rates
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.preview import AskPreview, Previewed, show_preview
from heartbeat.domain.forecast import forecast
from heartbeat.store.heartbeats.preview import preview

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"], strict_content_type=False)


@router.post("/preview", **call(Previewed))
async def show(body: AskPreview, caller: CallerDep) -> ApiResponse:
    """Preview a heartbeat: its next ticks, what a month of them costs, and what to be warned of. Nothing is stored."""
    now = caller.now()
    request = replace(body.configure_request(), gate_headers=checked_headers(body.gate, caller.stack.settings))
    outlook = await caller.read(body, preview, request, model_rates(caller.stack.settings), now)
    # Counting a year of ticks takes tens of milliseconds: not on the loop.
    ahead = await asyncio.to_thread(forecast, outlook.cadence, outlook.measured, outlook.budget, now, body.count)
    return ApiResponse(show_preview(ahead, outlook, caller.stack.settings))
