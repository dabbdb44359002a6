"""Scheduled tasks: create, read, list, pause, resume, cancel."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import AccessQuery, Caller, CallerDep, P, query_params
from api.gates import checked_headers
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from api.schemas.tasks import AllTasks, CreateTask, ListTasks, OfTask, OneTask, show_task, show_tasks
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats import tasks as store
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids, subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/v1/bot/task", tags=["Scheduled tasks"], strict_content_type=False)


@router.post("/create", **call(OneTask))
async def create(body: CreateTask, caller: CallerDep) -> ApiResponse:
    """Create a scheduled task: something to be done once, at a time or in some minutes, or again and again."""
    task = replace(body.new_task(), gate_headers=checked_headers(body.gate, caller.stack.settings))
    return await _change(caller, body, store.create, body.member_id, task, caller.now())


@router.post("/cancel", **call(OneTask))
async def cancel(body: OfTask, caller: CallerDep) -> ApiResponse:
    """Cancel a scheduled task before its time. A run of it that is in progress still ends; its logs stay."""
    return await _change(caller, body, store.cancel, caller.now())


@router.post("/pause", **call(OneTask))
async def pause(body: OfTask, caller: CallerDep) -> ApiResponse:
    """Pause a scheduled task until it is resumed. A run of it that is in progress still ends."""
    return await _change(caller, body, store.pause, caller.now())


@router.post("/resume", **call(OneTask))
async def resume(body: OfTask, caller: CallerDep) -> ApiResponse:
    """Lift any pause of a scheduled task. One whose only time has passed meanwhile is done."""
    return await _change(caller, body, store.resume, caller.now())


@router.get("/read", **call(OneTask, query=OfTask))
async def read(query: Annotated[OfTask, query_params(OfTask)], caller: CallerDep) -> ApiResponse:
    """Read one scheduled task, one that is done or cancelled too."""
    return ApiResponse({"task": await caller.read_inline(query, _named, caller.now())})


@router.get("/readall", **call(AllTasks, query=ListTasks))
async def readall(query: Annotated[ListTasks, query_params(ListTasks)], caller: CallerDep) -> ApiResponse:
    """List a bot's scheduled tasks, newest first; those that have ended only where `status` asks for them."""
    page = Page(query.page, query.per_page)
    tasks, total = await caller.read(query, _of_bot, query.member_id, query.status, page, caller.now())
    return ApiResponse({"total": total, "tasks": tasks, "pagination": pagination(page, total)})


async def _change(
    caller: Caller, ids: OfBot, change: AccessQuery[P, Heartbeat], *args: P.args, **kwargs: P.kwargs
) -> ApiResponse:
    """Run `change(connection, access, …)`, sync the schedule, and answer with the task as it is then."""
    access, task, member_uuid, run_uuid = await caller.write(ids, _changed, change, *args, **kwargs)
    task = await caller.stack.schedules.sync_row(task, access)
    return ApiResponse({"task": show_task(access, task, member_uuid, run_uuid, caller.now())})


def _changed(
    connection: Connection, access: Access, change: AccessQuery[P, Heartbeat], /, *args: P.args, **kwargs: P.kwargs
) -> tuple[Access, Heartbeat, str | None, str | None]:
    task = change(connection, access, *args, **kwargs)
    member_uuid = member_uuids(connection, [task]).get(task.member_id)
    return access, task, member_uuid, store.made_by(connection, [task]).get(task.made_by_run_id)


def _named(connection: Connection, access: Access, now: datetime) -> dict[str, Any]:
    return show_tasks(connection, access, [access.task], now)[0]


def _of_bot(
    connection: Connection, access: Access, member_key: str | None, status: str | None, page: Page, now: datetime
) -> tuple[list[dict[str, Any]], int]:
    member_id = subscriber(connection, access.bot, member_key).id if member_key else None
    tasks, total = store.listed(connection, access.bot, member_id, status, page)
    return show_tasks(connection, access, tasks, now), total
