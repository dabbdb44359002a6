"""Stats: what the runs of a bot's heartbeats came to, added up."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.stats import OneStats, ReadStats, show_stats
from heartbeat.store.credits.stats import Stats, stats
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])


@router.get("/stats", **call(OneStats, query=ReadStats))
async def read(asking: Annotated[QueryCaller[ReadStats], in_query(ReadStats)]) -> ApiResponse:
    """Add up a bot's logs of the last days."""
    given = asking.given

    def work(connection: Connection, found: Access) -> Stats:
        return stats(connection, found.bot, utc_now().date(), given.days)

    return ApiResponse({"stats": show_stats(await asking.read(given, work))})
