"""Scheduled tasks: create, read, list, cancel."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import Caller, CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from api.schemas.tasks import AllTasks, CreateTask, ListTasks, OfTask, OneTask, show_task, show_tasks
from heartbeat.store.heartbeats import tasks as store
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids, subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/v1/bot/task", tags=["Scheduled tasks"])


@router.post("/create", **call(OneTask))
async def create(given: CreateTask, asking: CallerDep) -> ApiResponse:
    """Have something done once at a time or in some minutes, or again and again, for so many times if you say."""

    def work(connection: Connection, found: Access) -> Heartbeat:
        plan = asking.plan(found)
        return store.create(connection, found.project, plan, found.bot, given.member_id, given.new_task(), utc_now())

    return await _written(asking, given, work)


@router.post("/cancel", **call(OneTask))
async def cancel(given: OfTask, asking: CallerDep) -> ApiResponse:
    """End a task before its time. A run of it that is in progress still ends; its logs stay."""

    def work(connection: Connection, found: Access) -> Heartbeat:
        return store.cancel(connection, found.task, utc_now())

    return await _written(asking, given, work)


@router.get("/read", **call(OneTask, query=OfTask))
async def read(asking: Annotated[QueryCaller[OfTask], in_query(OfTask)]) -> ApiResponse:
    """Read one task, one that is done or cancelled too."""

    def work(connection: Connection, found: Access) -> dict[str, Any]:
        return show_tasks(connection, found, [found.task], utc_now())[0]

    return ApiResponse({"task": await asking.read_inline(asking.given, work)})


@router.get("/readall", **call(AllTasks, query=ListTasks))
async def readall(asking: Annotated[QueryCaller[ListTasks], in_query(ListTasks)]) -> ApiResponse:
    """List a bot's tasks, newest first; those that have ended only where `status` asks for them."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[dict[str, Any]], int]:
        member_id = subscriber(connection, found.bot, given.member_id).id if given.member_id else None
        rows, total = store.listed(connection, found.bot, member_id, given.status, page)
        return show_tasks(connection, found, rows, utc_now()), total

    shown, total = await asking.read(given, work)
    return ApiResponse({"total": total, "tasks": shown, "pagination": pagination(page, total)})


async def _written(asking: Caller, given: OfBot, write: Callable[[Connection, Access], Heartbeat]) -> ApiResponse:
    """Write, have the schedule follow, and show the task as it is then."""

    def work(connection: Connection, found: Access) -> tuple[Access, Heartbeat, str | None, str | None]:
        row = write(connection, found)
        member = member_uuids(connection, [row]).get(row.member_id)
        return found, row, member, store.made_by(connection, [row]).get(row.made_by_run_id)

    found, row, member_uuid, maker = await asking.write(given, work)
    followed = await asking.stack.schedules.sync_row(row)
    return ApiResponse({"task": show_task(found, followed, member_uuid, maker, utc_now())})
