"""The buttons of the dashboard: run a heartbeat now, switch it on, switch it off."""

from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.pages import PageRoute, VisitorDep
from api.deps import utc_now
from heartbeat.domain.ids import new_id
from heartbeat.store.heartbeats import heartbeats as store
from heartbeat.store.heartbeats.plan_limits import require_heartbeats
from heartbeat.store.overview.projects import heartbeat_and_bot
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.temporal.runs import start_manual_run

router = APIRouter(prefix="/heartbeats/{uuid}", route_class=PageRoute, include_in_schema=False)


@router.post("/run")
async def run_now(uuid: str, visiting: VisitorDep) -> Response:
    """Start a run and do not wait for it."""
    stack = visiting.stack

    def work(connection: Connection, project: Project) -> tuple[Heartbeat, Bot]:
        row, bot = heartbeat_and_bot(connection, project, uuid)
        require_heartbeats(project, stack.settings.plan(project.plan), bot)
        return row, bot

    row, bot = await visiting.read(work)
    await start_manual_run(stack.temporal, stack.settings, row, bot.name, new_id("log"))
    return _done(uuid, "run")


@router.post("/enable")
async def enable(uuid: str, visiting: VisitorDep) -> Response:
    """Switch a heartbeat on and lift its pause."""
    settings = visiting.stack.settings

    def work(connection: Connection, project: Project) -> Heartbeat:
        _, bot = heartbeat_and_bot(connection, project, uuid)
        return store.enable(connection, project, settings.plan(project.plan), bot, uuid, utc_now())

    return await _switched(uuid, visiting, work, "enable")


@router.post("/disable")
async def disable(uuid: str, visiting: VisitorDep) -> Response:
    """Switch a heartbeat off."""

    def work(connection: Connection, project: Project) -> Heartbeat:
        _, bot = heartbeat_and_bot(connection, project, uuid)
        return store.disable(connection, bot, uuid, utc_now())

    return await _switched(uuid, visiting, work, "disable")


async def _switched(
    uuid: str, visiting: VisitorDep, work: Callable[[Connection, Project], Heartbeat], what: str
) -> Response:
    await visiting.stack.schedules.sync_row(await visiting.write(work))
    return _done(uuid, what)


def _done(uuid: str, what: str) -> Response:
    return RedirectResponse(f"/heartbeats/{uuid}?done={what}", 303)
