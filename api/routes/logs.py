"""Logs: what the runs of a bot's heartbeats came to."""

from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection, Row

from api.deps import QueryCaller, in_query
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.logs import ListLogs, Logs, show_log
from api.schemas.pages import pagination
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.runs.logs import LogFilter, logs

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])


@router.get("/logs", **call(Logs, query=ListLogs))
async def readall(asking: Annotated[QueryCaller[ListLogs], in_query(ListLogs)]) -> ApiResponse:
    """List the logs of a bot's heartbeats, newest first."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[Row[Any]], int]:
        wanted = LogFilter(
            bot_id=found.bot.id,
            heartbeat_id=found.heartbeat_or_task.id if given.heartbeat_id else None,
            member_id=subscriber(connection, found.bot, given.member_id).id if given.member_id else None,
            status=given.status,
            dry_run=given.dry_run,
        )
        return logs(connection, wanted, page)

    rows, total = await asking.read(given, work)
    shown = [show_log(row, asking.stack.settings) for row in rows]
    return ApiResponse({"total": total, "logs": shown, "pagination": pagination(page, total)})
