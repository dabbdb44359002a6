"""Logs: what the runs of a bot's heartbeats came to."""

from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection, Row

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.logs import ListLogs, Logs, show_log
from api.schemas.pages import pagination
from heartbeat.store.database.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.runs.logs import LogFilter, logs

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"], strict_content_type=False)


@router.get("/logs", **call(Logs, query=ListLogs))
async def readall(query: Annotated[ListLogs, query_params(ListLogs)], caller: CallerDep) -> ApiResponse:
    """List the logs of a bot's heartbeats, newest first."""
    page = Page(query.page, query.per_page)
    runs, total = await caller.read(query, _logs, query, page)
    objects = [show_log(run, caller.stack.settings) for run in runs]
    return ApiResponse({"total": total, "logs": objects, "pagination": pagination(page, total)})


def _logs(connection: Connection, access: Access, query: ListLogs, page: Page) -> tuple[list[Row[Any]], int]:
    which = LogFilter(
        bot_id=access.bot.id,
        heartbeat_id=access.heartbeat_or_task.id if access.heartbeat_key else None,
        member_id=subscriber(connection, access.bot, query.member_id).id if query.member_id else None,
        status=query.status,
        dry_run=query.dry_run,
    )
    return logs(connection, which, page)
