"""Stats: what the runs of a bot's heartbeats came to, added up."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.answers import Answer
from api.deps import Query, in_query, utc_now
from api.openapi import call
from api.schemas.stats import OneStats, ReadStats, show_stats
from heartbeat.store.access import Access
from heartbeat.store.stats import Stats, stats

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])


@router.get("/stats", **call(OneStats, query=ReadStats))
async def read(asking: Annotated[Query[ReadStats], in_query(ReadStats)]) -> Answer:
    """Add up a bot's logs of the last days."""
    given = asking.given

    def work(connection: Connection, found: Access) -> Stats:
        return stats(connection, found.bot, utc_now().date(), given.days)

    return Answer({"stats": show_stats(await asking.read(given, work))})
