"""The buttons of the dashboard: run a heartbeat now, switch it on, switch it off."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form
from api.dashboard.pages import PageRoute
from api.dashboard.sent_again import promise_once
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.store.heartbeats import heartbeats as store
from heartbeat.store.heartbeats.plan_limits import require_heartbeats, require_own_models
from heartbeat.store.heartbeats.project_holds import require_no_hold
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.overview.projects import access_to_heartbeat
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import start_manual_run

Change = Callable[[Connection, Access, datetime], Heartbeat]

router = APIRouter(prefix="/heartbeats/{uuid}", route_class=PageRoute, include_in_schema=False)


@router.post("/run")
async def run_now(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Start a run and do not wait for it."""
    stack, form = visitor.stack, await read_form(request)
    access, log_id = await visitor.write(_promised, uuid, form, visitor.now())
    row = ScheduledRow.of(access.heartbeat, access)
    await start_manual_run(stack.temporal, stack.settings, row, log_id)
    return _to_heartbeat(uuid, "run")


def _promised(connection: Connection, access: Access, uuid: str, form: Form, now: datetime) -> tuple[Access, str]:
    access = access_to_heartbeat(connection, access, uuid)
    require_heartbeats(access.project, access.plan, access.bot)
    require_own_models(access.project, access.plan, access.bot, access.heartbeat_or_task)
    require_no_hold(connection, access.project, now)
    return access, promise_once(connection, access, form.replaced([("run", uuid)]), now)


@router.post("/enable")
async def enable(uuid: str, visitor: VisitorDep) -> Response:
    """Switch a heartbeat on and lift its pause."""
    return await _switch(visitor, uuid, store.enable, "enable")


@router.post("/disable")
async def disable(uuid: str, visitor: VisitorDep) -> Response:
    """Switch a heartbeat off."""
    return await _switch(visitor, uuid, store.disable, "disable")


async def _switch(visitor: Visitor, uuid: str, change: Change, done: str) -> Response:
    heartbeat = await visitor.write(_switched, uuid, change, visitor.now())
    await visitor.stack.schedules.sync_row(heartbeat)
    return _to_heartbeat(uuid, done)


def _switched(connection: Connection, access: Access, uuid: str, change: Change, now: datetime) -> Heartbeat:
    return change(connection, access_to_heartbeat(connection, access, uuid), now)


def _to_heartbeat(uuid: str, done: str) -> Response:
    return RedirectResponse(f"/heartbeats/{uuid}?done={done}", 303)
