"""Stats: what the runs of a bot's heartbeats came to, added up."""

from typing import Annotated

from fastapi import APIRouter

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.stats import OneStats, ReadStats, show_stats
from heartbeat.store.credits.stats import stats

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"], strict_content_type=False)


@router.get("/stats", **call(OneStats, query=ReadStats))
async def read(query: Annotated[ReadStats, query_params(ReadStats)], caller: CallerDep) -> ApiResponse:
    """Read what a bot's logs of the last days come to."""
    rows = await caller.read(query, stats, caller.now().date(), query.days)
    return ApiResponse({"stats": show_stats(rows, caller.stack.settings)})
