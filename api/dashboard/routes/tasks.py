"""The pages of scheduled tasks: all of a project, and one with its runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form
from api.dashboard.pages import PageRoute, html, list_filter, page_of, page_url
from api.dashboard.translations import marked, translated
from api.dashboard.views import runs, selection
from api.dashboard.views.run_list import RunList, runs_of
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.views.tasks import TaskView, task_view
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.heartbeats import tasks as store
from heartbeat.store.overview import projects
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/tasks", route_class=PageRoute, include_in_schema=False)

TASKS_A_PAGE, MAX_ENDED, RUNS_A_PAGE = 50, 20, 20
NOTICES = {
    "created": marked("The task was made."),
    "pause": marked("The task is paused until somebody resumes it."),
    "resume": marked("The task goes on."),
    "cancel": marked("The task was cancelled. A run of it that is in progress still ends."),
}

Change = Callable[[Connection, Access, datetime], Heartbeat]
Named = Sequence[tuple[Heartbeat, str]]


@dataclass(frozen=True)
class TaskLists:
    """The tasks that stand and those that have ended, each with its bot's name, and the log ids of who made them."""

    standing: Named
    total: int
    ended: Named
    makers: dict[int | None, str]
    strips: LastRuns


@dataclass(frozen=True)
class TaskRows:
    """A task as its page shows it."""

    task: Heartbeat
    bot: Bot
    makers: dict[int | None, str]
    runs: RunList


@router.get("")
async def tasks_page(request: Request, visitor: VisitorDep, page: str = "1") -> Response:
    """What the project's bots are to do besides their heartbeats."""
    form, now, current = Form(request.query_params.multi_items()), visitor.now(), page_of(page, TASKS_A_PAGE)
    wanted = list_filter(form, selection.SHOW_TASKS)
    frame, lists = await visitor.read_framed(_lists, wanted, current)
    path = selection.list_path("tasks", form)
    return html(
        "tasks",
        frame=frame,
        refresh=page_url(path, current),
        path=path,
        form=form,
        shows=translated(selection.SHOW_TASKS.items()),
        bar=selection.selection_bar("tasks", form),
        standing=[_view(task, bot_name, lists.makers, now) for task, bot_name in lists.standing],
        ended=[_view(task, bot_name, lists.makers, now) for task, bot_name in lists.ended],
        strips={task.uuid: strip(task, lists.strips, now) for task, _ in (*lists.standing, *lists.ended)},
        pages=runs.pages(current, lists.total),
        found=lists.total,
        done=selection.notice("tasks", form),
    )


def _lists(connection: Connection, access: Access, wanted: ListFilter, page: Page) -> TaskLists:
    listed, total = store.of_project(connection, access.project, wanted, page)
    # Those that ended lately stand below all others, or alone in pages when they are asked for.
    alone = wanted.show == store.ENDED
    ended, _ = store.of_project(connection, access.project, replace(wanted, show=store.ENDED), Page(1, MAX_ENDED))
    standing, ended = ([], listed) if alone else (listed, [] if wanted.show else ended)
    makers = store.made_by(connection, [task for task, _ in (*standing, *ended)])
    return TaskLists(standing, total, ended, makers, read_strips(connection, [task for task, _ in (*standing, *ended)]))


@router.get("/{uuid}")
async def task_page(uuid: str, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """One task and its runs, newest first; one that has ended too."""
    now, current = visitor.now(), page_of(page, RUNS_A_PAGE)
    frame, rows = await visitor.read_framed(_task, uuid, current, now)
    task, going = rows.task, rows.runs.going
    return html(
        "task",
        frame=frame,
        refresh=page_url(f"/tasks/{task.uuid}", current),
        task=_view(task, rows.bot.name, rows.makers, now),
        row=task,
        bot=rows.bot,
        running=going[0].uuid if going else None,
        lines=rows.runs.lines(task.timezone, now, visitor.stack.settings),
        waits=rows.runs.waits,
        left_out=rows.runs.left_out,
        pages=runs.pages(current, rows.runs.total),
        done=NOTICES.get(done),
    )


def _task(connection: Connection, access: Access, uuid: str, page: Page, now: datetime) -> TaskRows:
    task, bot = projects.task_and_bot(connection, access.project, uuid)
    return TaskRows(task, bot, store.made_by(connection, [task]), runs_of(connection, task, page, now))


@router.post("/{uuid}/cancel")
async def cancel(uuid: str, visitor: VisitorDep) -> Response:
    """End a task before its time."""
    return await _change(visitor, uuid, store.cancel, "cancel")


@router.post("/{uuid}/pause")
async def pause(uuid: str, visitor: VisitorDep) -> Response:
    """Let a task rest until somebody resumes it."""
    return await _change(visitor, uuid, store.pause, "pause")


@router.post("/{uuid}/resume")
async def resume(uuid: str, visitor: VisitorDep) -> Response:
    """Lift a pause."""
    return await _change(visitor, uuid, store.resume, "resume")


async def _change(visitor: Visitor, uuid: str, change: Change, done: str) -> Response:
    task = await visitor.write(_changed, uuid, change, visitor.now())
    await visitor.stack.schedules.sync_row(task)
    return RedirectResponse(f"/tasks/{task.uuid}?done={done}", 303)


def _changed(connection: Connection, access: Access, uuid: str, change: Change, now: datetime) -> Heartbeat:
    return change(connection, projects.access_to_task(connection, access, uuid), now)


def _view(task: Heartbeat, bot_name: str, makers: dict[int | None, str], now: datetime) -> TaskView:
    return task_view(task, bot_name, makers.get(task.made_by_run_id), now)
