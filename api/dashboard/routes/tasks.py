"""The pages of scheduled tasks: all of a project, and one with its runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.pages import PageRoute, VisitorDep, address, html, which_page
from api.dashboard.views import runs
from api.dashboard.views.run_list import RunList, runs_of
from api.dashboard.views.tasks import TaskView, task
from api.deps import utc_now
from api.next_ticks import due
from heartbeat.store.heartbeats import tasks as store
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.overview import projects
from heartbeat.store.pages import Page
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

router = APIRouter(prefix="/tasks", route_class=PageRoute, include_in_schema=False)

TASKS_A_PAGE, MOST_ENDED, RUNS_A_PAGE = 50, 20, 20
NOTICES = {"cancel": "The task was cancelled. A run of it that is in progress still ends."}

Named = Sequence[tuple[Heartbeat, str]]


@dataclass(frozen=True)
class TaskLists:
    """The tasks that stand and those that have ended, each with its bot's name, and who made them."""

    standing: Named
    total: int
    ended: Named
    makers: dict[int | None, str]


@router.get("")
async def tasks_page(visiting: VisitorDep, page: str = "1") -> Response:
    """What the project's bots are to do besides their heartbeats."""
    now, wanted = utc_now(), which_page(page, TASKS_A_PAGE)

    def work(connection: Connection, project: Project) -> TaskLists:
        standing, total = store.of_project(connection, project, True, wanted)
        ended, _ = store.of_project(connection, project, False, Page(1, MOST_ENDED))
        makers = store.made_by(connection, [row for row, _ in (*standing, *ended)])
        return TaskLists(standing, total, ended, makers)

    frame, seen = await visiting.read_framed(work)
    return html(
        "tasks",
        frame=frame,
        refresh=address("/tasks", wanted),
        standing=[_task(row, name, seen.makers, now) for row, name in seen.standing],
        ended=[_task(row, name, seen.makers, now) for row, name in seen.ended],
        pages=runs.pages(wanted, seen.total),
    )


@router.get("/{uuid}")
async def task_page(uuid: str, visiting: VisitorDep, page: str = "1", done: str = "") -> Response:
    """One task and its runs, newest first; one that has ended too."""
    now, wanted = utc_now(), which_page(page, RUNS_A_PAGE)

    def work(connection: Connection, project: Project) -> tuple[Heartbeat, Bot, dict[int | None, str], RunList]:
        row, bot = projects.task_and_bot(connection, project, uuid)
        return row, bot, store.made_by(connection, [row]), runs_of(connection, row, wanted, now)

    frame, (row, bot, makers, found) = await visiting.read_framed(work)
    return html(
        "task",
        frame=frame,
        refresh=address(f"/tasks/{row.uuid}", wanted),
        task=_task(row, bot.name, makers, now),
        row=row,
        bot=bot,
        running=found.going[0].uuid if found.going else None,
        lines=found.lines(row.timezone, now, visiting.stack.settings),
        waits=found.waits,
        pages=runs.pages(wanted, found.total),
        done=NOTICES.get(done),
    )


@router.post("/{uuid}/cancel")
async def cancel(uuid: str, visiting: VisitorDep) -> Response:
    """End a task before its time."""

    def work(connection: Connection, project: Project) -> Heartbeat:
        row, _ = projects.task_and_bot(connection, project, uuid)
        return store.cancel(connection, row, utc_now())

    row = await visiting.write(work)
    await visiting.stack.schedules.sync_row(row)
    return RedirectResponse(f"/tasks/{row.uuid}?done=cancel", 303)


def _task(row: Heartbeat, bot_name: str, makers: dict[int | None, str], now: datetime) -> TaskView:
    return task(row, bot_name, due(cadence_of(row)), makers.get(row.made_by_run_id), now)
