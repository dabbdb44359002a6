"""The dashboard: a project's heartbeats, and one heartbeat."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.pages import PageRoute, VisitorDep, address, html, which_page
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.findings import matter
from api.dashboard.views.run_list import RunList, run_line, runs_of
from api.deps import utc_now
from api.next_ticks import due
from heartbeat.domain import credits
from heartbeat.store.credits.ledger import period_credits
from heartbeat.store.credits.stats import Sums
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.overview import projects, waiting
from heartbeat.store.pages import Page
from heartbeat.store.runs.rehearsals import rehearsals_of
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HEARTBEATS_A_PAGE, RUNS_A_PAGE = 50, 20
CHART_DAYS = 14
MOST_FINDINGS, MOST_REHEARSALS = 10, 5
NOTICES = {
    "run": "A run was started; it appears below in a moment.",
    "enable": "The heartbeat is on now.",
    "disable": "The heartbeat is off now.",
    "marked": "The finding was marked.",
}


@dataclass(frozen=True)
class ProjectView:
    """A project as the first page shows it."""

    listed: list[projects.ListedHeartbeat]
    states: projects.HeartbeatStates
    running: list[Row[Any]]
    days: dict[Any, Sums]
    credits: int
    bot: Bot | None


@dataclass(frozen=True)
class HeartbeatPage:
    """A heartbeat as its page shows it."""

    row: Heartbeat
    bot: Bot
    runs: RunList
    rehearsals: list[Run]
    findings: list[waiting.OpenFindingRow]


@router.get("/")
async def project_page(request: Request, visiting: VisitorDep, page: str = "1") -> Response:
    """Every heartbeat of the project."""
    now, wanted = utc_now(), which_page(page, HEARTBEATS_A_PAGE)
    frame, seen = await visiting.read_framed(lambda connection, project: _glance(connection, project, wanted, now))
    period = credits.period(now, frame.project.period_anchor_day)
    # A run that counts hides a rehearsal, and the longest hides the others.
    in_order = sorted(seen.running, key=lambda run: (run.dry_run, run.started_at), reverse=True)
    running = {run.heartbeat_id: run for run in in_order}
    cards = [_card(one, running.get(one.heartbeat.id), period, now) for one in seen.listed]
    return html(
        "heartbeats",
        frame=frame,
        refresh=address("/", wanted),
        cards=cards,
        totals=heartbeats.totals(
            seen.states,
            sum(not run.dry_run for run in seen.running),
            seen.days,
            seen.credits,
            visiting.stack.settings.plan(frame.project.plan).credits_per_month,
            period,
        ),
        pages=runs.pages(wanted, seen.states.total),
        bot=seen.bot,
        api=str(request.base_url).rstrip("/"),
    )


@router.get("/heartbeats/{uuid}")
async def heartbeat_page(uuid: str, visiting: VisitorDep, page: str = "1", done: str = "") -> Response:
    """One heartbeat and its runs, newest first."""
    now, wanted = utc_now(), which_page(page, RUNS_A_PAGE)
    frame, seen = await visiting.read_framed(lambda connection, project: _whole(connection, project, uuid, wanted, now))
    row, settings, zone = seen.row, visiting.stack.settings, seen.row.timezone
    period = credits.period(now, frame.project.period_anchor_day)
    going = seen.runs.going[0].uuid if seen.runs.going else None
    return html(
        "heartbeat",
        frame=frame,
        refresh=address(f"/heartbeats/{row.uuid}", wanted),
        card=heartbeats.card(row, seen.bot.name, due(cadence_of(row)), period, now, going),
        heartbeat=row,
        bot=seen.bot,
        lines=seen.runs.lines(zone, now, settings),
        waits=seen.runs.waits,
        pages=runs.pages(wanted, seen.runs.total),
        rehearsals=[run_line(run, zone, now, settings) for run in seen.rehearsals],
        found=[matter(found, now) for found in seen.findings],
        done=NOTICES.get(done),
    )


def _whole(connection: Connection, project: Project, uuid: str, page: Page, now: datetime) -> HeartbeatPage:
    row, bot = projects.heartbeat_and_bot(connection, project, uuid)
    return HeartbeatPage(
        row,
        bot,
        runs_of(connection, row, page, now),
        rehearsals_of(connection, row, MOST_REHEARSALS) if page.number == 1 else [],
        waiting.findings_of_heartbeat(connection, row, MOST_FINDINGS),
    )


def _card(
    one: projects.ListedHeartbeat, running: Row[Any] | None, period: tuple[datetime, datetime], now: datetime
) -> heartbeats.HeartbeatCard:
    going, rehearsing = (running.uuid, running.dry_run) if running else (None, False)
    return heartbeats.card(one.heartbeat, one.bot_name, due(cadence_of(one.heartbeat)), period, now, going, rehearsing)


def _glance(connection: Connection, project: Project, page: Page, now: datetime) -> ProjectView:
    start, _ = credits.period(now, project.period_anchor_day)
    states = projects.states(connection, project)
    return ProjectView(
        projects.heartbeat_page(connection, project, page) if states.total else [],
        states,
        projects.running(connection, project),
        projects.days(connection, project, now.date(), CHART_DAYS),
        period_credits(connection, project.id, start),
        None if states.total else projects.first_bot(connection, project),
    )
