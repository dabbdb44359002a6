"""The dashboard: a project's heartbeats, and one heartbeat."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.pages import PageRoute, VisitorDep, html, page_of, page_url
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.findings import finding_view
from api.dashboard.views.first_visit import first_visit
from api.dashboard.views.run_list import RunList, run_line, runs_of
from api.next_ticks import next_tick
from heartbeat.store.credits.ledger import period_credits
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.overview import projects, waiting
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.rehearsals import rehearsals_of
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HEARTBEATS_A_PAGE, RUNS_A_PAGE = 50, 20
CHART_DAYS = 14
MAX_FINDINGS, MAX_REHEARSALS = 10, 5
NOTICES = {
    "run": "A run was started; it appears below in a moment.",
    "enable": "The heartbeat is on now.",
    "created": marked("The heartbeat was made. It is off: Enable switches it on."),
    "saved": marked("The heartbeat was saved."),
    "deleted": marked("The heartbeat was deleted. Its runs stay in the log."),
    "disable": "The heartbeat is off now.",
    "marked": "The finding was marked.",
}


@dataclass(frozen=True)
class ProjectRows:
    """A project as the first page shows it; `bot` only if there is a bot and no heartbeat yet."""

    heartbeats: list[projects.ListedHeartbeat]
    states: projects.HeartbeatStates
    running: list[Row[Any]]
    days: dict[Any, RunSums]
    credits: int
    credit_limit: int | None
    bot: Bot | None


@dataclass(frozen=True)
class HeartbeatRows:
    """A heartbeat as its page shows it."""

    heartbeat: Heartbeat
    bot: Bot
    runs: RunList
    rehearsals: list[Run]
    findings: list[waiting.OpenFindingRow]


@router.get("/")
async def project_page(request: Request, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """Every heartbeat of the project."""
    now, current = visitor.now(), page_of(page, HEARTBEATS_A_PAGE)
    frame, rows = await visitor.read_framed(_project, current, now)
    period = frame.project.period(now)
    # A run that counts hides a rehearsal, and the longest hides the others.
    in_order = sorted(rows.running, key=_hidden_first, reverse=True)
    running = {run.heartbeat_id: run for run in in_order}
    cards = [_card(listed, running.get(listed.heartbeat.id), period, now) for listed in rows.heartbeats]
    return html(
        "heartbeats",
        frame=frame,
        refresh=page_url("/", current),
        cards=cards,
        changed_tools={listed.heartbeat.uuid: listed.changed_tools for listed in rows.heartbeats},
        totals=heartbeats.totals(
            rows.states,
            sum(not run.dry_run for run in rows.running),
            rows.days,
            rows.credits,
            rows.credit_limit,
            period,
        ),
        pages=runs.pages(current, rows.states.total),
        bot=rows.bot,
        first_visit=None if rows.states.total else await first_visit(visitor.stack.settings),
        api=str(request.base_url).rstrip("/"),
        done=_notice(done),
    )


def _project(connection: Connection, access: Access, page: Page, now: datetime) -> ProjectRows:
    project = access.project
    start, _ = project.period(now)
    states = projects.states(connection, project)
    return ProjectRows(
        projects.heartbeat_page(connection, project, page) if states.total else [],
        states,
        projects.running(connection, project),
        projects.days(connection, project, now.date(), CHART_DAYS),
        period_credits(connection, project.id, start),
        access.plan.credits_per_month,
        None if states.total else projects.first_bot(connection, project),
    )


def _hidden_first(run: Row[Any]) -> tuple[bool, datetime]:
    return run.dry_run, run.started_at


def _card(
    listed: projects.ListedHeartbeat, run: Row[Any] | None, period: tuple[datetime, datetime], now: datetime
) -> heartbeats.HeartbeatCard:
    cadence = next_tick(cadence_of(listed.heartbeat))
    return heartbeats.card(listed.heartbeat, listed.bot_name, cadence, period, now, run)


@router.get("/heartbeats/{uuid}")
async def heartbeat_page(uuid: str, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """One heartbeat and its runs, newest first."""
    now, current = visitor.now(), page_of(page, RUNS_A_PAGE)
    frame, rows = await visitor.read_framed(_heartbeat, uuid, current, now)
    heartbeat, settings, going = rows.heartbeat, visitor.stack.settings, rows.runs.going
    period = frame.project.period(now)
    running = going[0] if going else None
    return html(
        "heartbeat",
        frame=frame,
        refresh=page_url(f"/heartbeats/{heartbeat.uuid}", current),
        card=heartbeats.card(heartbeat, rows.bot.name, next_tick(cadence_of(heartbeat)), period, now, running),
        heartbeat=heartbeat,
        bot=rows.bot,
        lines=rows.runs.lines(heartbeat.timezone, now, settings),
        waits=rows.runs.waits,
        pages=runs.pages(current, rows.runs.total),
        rehearsals=[run_line(run, heartbeat.timezone, now, settings) for run in rows.rehearsals],
        findings=[finding_view(row, now) for row in rows.findings],
        done=_notice(done),
    )


def _notice(done: str) -> str | None:
    return _(NOTICES[done]) if done in NOTICES else None


def _heartbeat(connection: Connection, access: Access, uuid: str, page: Page, now: datetime) -> HeartbeatRows:
    heartbeat, bot = projects.heartbeat_and_bot(connection, access.project, uuid)
    return HeartbeatRows(
        heartbeat,
        bot,
        runs_of(connection, heartbeat, page, now),
        rehearsals_of(connection, heartbeat, MAX_REHEARSALS) if page.number == 1 else [],
        waiting.findings_of_heartbeat(connection, heartbeat, MAX_FINDINGS),
    )
