"""The heartbeats of a project: searched, filtered, sorted, page by page."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.forms import Form
from api.dashboard.pages import PageRoute, html, list_filter, page_of, page_url
from api.dashboard.translations import gettext as _
from api.dashboard.views import heartbeats, runs, selection
from api.dashboard.views.first_visit import first_visit
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.visitor import VisitorDep
from heartbeat.store.credits.ledger import period_credits
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats.held_ticks import held_by_heartbeat
from heartbeat.store.overview import heartbeat_list, projects
from heartbeat.store.overview.daily_numbers import runs_of_project
from heartbeat.store.overview.heartbeat_list import HeartbeatFilter, ListedHeartbeat
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import RunSums

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HEARTBEATS_A_PAGE, MAX_HEARTBEATS_A_PAGE = 50, 100
CHART_DAYS = 14

Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class ProjectRows:
    """A project as the first page shows it; `bot` only if there is a bot and no heartbeat yet. `held`: by heartbeat."""

    heartbeats: list[ListedHeartbeat]
    total: int
    states: heartbeat_list.HeartbeatStates
    running: list[Row[Any]]
    strips: LastRuns
    days: dict[date, RunSums]
    credits: int
    credit_limit: int | None
    bot: Bot | None
    held: dict[int, list[datetime]]


@router.get("/")
async def heartbeats_page(request: Request, visitor: VisitorDep) -> Response:
    """Every heartbeat of the project, or those that the address asks for."""
    form, now = Form(request.query_params.multi_items()), visitor.now()
    wanted, current = filter_of(form), page_of(form.get("page", "1"), page_size(form))
    deleted = _("The heartbeat was deleted. Its runs stay in the log.") if form.get("done") == "deleted" else None
    frame, rows = await visitor.read_framed(_project, wanted, current, now)
    period = frame.project.period(now)
    path = selection.list_path("heartbeats", form)
    return html(
        "heartbeats",
        frame=frame,
        refresh=page_url(path, current),
        path=path,
        bar=selection.selection_bar("heartbeats", form),
        form=form,
        choices=selection.CHOICES,
        wanted=wanted,
        cards=_cards(rows, period, now),
        totals=heartbeats.totals(rows.states, _count_running(rows), rows.days, rows.credits, rows.credit_limit, period),
        pages=runs.pages(current, rows.total),
        size=current.size,
        found=rows.total,
        done=deleted or selection.notice("heartbeats", form),
        bot=rows.bot,
        first_visit=None if rows.states.total else await first_visit(visitor.stack.settings),
        api=str(request.base_url).rstrip("/"),
    )


def filter_of(form: Form) -> HeartbeatFilter:
    """Read which heartbeats an address asks for; what it does not know means all."""
    wanted, sort = list_filter(form, heartbeat_list.SHOWN), form.get("sort")
    return HeartbeatFilter(wanted.words, wanted.show, sort if sort in heartbeat_list.SORTS else "state")


def page_size(form: Form) -> int:
    """Return how many heartbeats a page has: 50, or 100 if the address says so."""
    return MAX_HEARTBEATS_A_PAGE if form.get("per_page") == str(MAX_HEARTBEATS_A_PAGE) else HEARTBEATS_A_PAGE


def _project(connection: Connection, access: Access, wanted: HeartbeatFilter, page: Page, now: datetime) -> ProjectRows:
    project = access.project
    start, _ = project.period(now)
    states = heartbeat_list.states(connection, project)
    listed, total = heartbeat_list.heartbeat_page(connection, project, wanted, page, start, states)
    return ProjectRows(
        listed,
        total,
        states,
        projects.running(connection, project),
        read_strips(connection, [one.heartbeat for one in listed]),
        runs_of_project(connection, project, now.date(), CHART_DAYS),
        period_credits(connection, project.id, start),
        access.plan.credits_per_month,
        None if states.total else projects.first_bot(connection, project),
        held_by_heartbeat(connection, [one.heartbeat for one in listed], now),
    )


def _cards(rows: ProjectRows, period: Period, now: datetime) -> list[heartbeats.ListCard]:
    # A run that counts hides a rehearsal, and the longest hides the others.
    in_order = sorted(rows.running, key=lambda run: (run.dry_run, run.started_at), reverse=True)
    running = {run.heartbeat_id: run for run in in_order}
    return [
        heartbeats.ListCard(
            heartbeats.card(
                listed.heartbeat,
                listed.bot_name,
                period,
                now,
                running.get(listed.heartbeat.id),
                rows.held.get(listed.heartbeat.id, ()),
            ),
            strip(listed.heartbeat, rows.strips, now),
            listed.changed_tools,
        )
        for listed in rows.heartbeats
    ]


def _count_running(rows: ProjectRows) -> int:
    return sum(not run.dry_run for run in rows.running)
