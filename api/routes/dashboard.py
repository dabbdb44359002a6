"""The dashboard: a project's heartbeats, one heartbeat, one run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.browser import PageRoute, Visiting, html
from api.deps import utc_now
from api.due import due
from api.schemas.logs import temporal_url
from heartbeat import credits
from heartbeat.dashboard import heartbeats, runs
from heartbeat.errors import NotFound
from heartbeat.settings import Settings
from heartbeat.store import overview
from heartbeat.store.access import as_public_id
from heartbeat.store.accounting import cadence_of
from heartbeat.store.ledger import period_credits
from heartbeat.store.logs import Filter, logs
from heartbeat.store.pages import Page
from heartbeat.store.records import Run
from heartbeat.store.runs import run_by_uuid
from heartbeat.store.stats import Sums
from heartbeat.store.tables import Bot, Heartbeat, Project
from heartbeat.store.watching import charged, steps

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HEARTBEATS_A_PAGE, RUNS_A_PAGE = 50, 20
CHART_DAYS = 14
DONE = {
    "run": "A run was started; it appears below in a moment.",
    "enable": "The heartbeat is on now.",
    "disable": "The heartbeat is off now.",
}


@dataclass(frozen=True)
class Glance:
    """A project as the first page shows it."""

    project: Project
    listed: list[overview.Listed]
    states: overview.States
    running: list[Row[Any]]
    days: dict[Any, Sums]
    credits: int
    bot: Bot | None


@router.get("/")
async def project_page(request: Request, visiting: Visiting, page: str = "1") -> Response:
    """Every heartbeat of the project."""
    now, wanted = utc_now(), _page(page, HEARTBEATS_A_PAGE)
    seen = await visiting.read(lambda connection, project: _glance(connection, project, wanted, now))
    period = credits.period(now, seen.project.period_anchor_day)
    running = {run.heartbeat_id: run.uuid for run in reversed(seen.running)}
    cards = [
        heartbeats.card(row, bot_name, due(cadence_of(row)), period, now, running.get(row.id))
        for row, bot_name in ((one.heartbeat, one.bot_name) for one in seen.listed)
    ]
    return html(
        "heartbeats",
        project=seen.project,
        refresh=_address("/", wanted),
        cards=cards,
        totals=heartbeats.totals(
            seen.states,
            len(seen.running),
            seen.days,
            seen.credits,
            visiting.stack.settings.plan(seen.project.plan).credits_per_month,
            period,
        ),
        pages=runs.pages(wanted, seen.states.total),
        bot=seen.bot,
        api=str(request.base_url).rstrip("/"),
    )


@router.get("/heartbeats/{uuid}")
async def heartbeat_page(uuid: str, visiting: Visiting, page: str = "1", done: str = "") -> Response:
    """One heartbeat and its runs, newest first."""
    now, wanted = utc_now(), _page(page, RUNS_A_PAGE)

    def work(
        connection: Connection, project: Project
    ) -> tuple[Project, Heartbeat, Bot, list[Row[Any]], list[Row[Any]], int]:
        row, bot = overview.heartbeat_and_bot(connection, project, uuid)
        of_row = Filter(bot_id=row.bot_id, heartbeat_id=row.id)
        going, _ = logs(connection, Filter(of_row.bot_id, of_row.heartbeat_id, status="running"), Page(1, RUNS_A_PAGE))
        ended, total = logs(connection, of_row, wanted)
        return project, row, bot, going, ended, total

    project, row, bot, going, ended, total = await visiting.read(work)
    period = credits.period(now, project.period_anchor_day)
    shown = [*(going if wanted.number == 1 else []), *ended]
    return html(
        "heartbeat",
        project=project,
        refresh=_address(f"/heartbeats/{row.uuid}", wanted),
        card=heartbeats.card(row, bot.name, due(cadence_of(row)), period, now, going[0].uuid if going else None),
        heartbeat=row,
        bot=bot,
        lines=[_line(run, row.timezone, now, visiting.stack.settings) for run in shown],
        pages=runs.pages(wanted, total),
        done=DONE.get(done),
    )


@router.get("/runs/{uuid}")
async def run_page(uuid: str, visiting: Visiting) -> Response:
    """One run: what was asked, what was answered, what it took."""
    now = utc_now()

    def work(connection: Connection, project: Project) -> tuple[Project, Run, Heartbeat, Bot, list[runs.StepLine]]:
        run = run_by_uuid(connection, as_public_id(uuid))
        if run.project_id != project.id:
            raise NotFound("run", uuid)
        row, bot = overview.heartbeat_of_run(connection, run.heartbeat_id)
        run_id = run.id or 0
        return project, run, row, bot, runs.steps(steps(connection, run_id), charged(connection, run_id))

    project, run, row, bot, transcript = await visiting.read(work)
    return html(
        "run",
        project=project,
        refresh=f"/runs/{run.uuid}",
        run=run,
        line=_line(run, row.timezone, now, visiting.stack.settings),
        outcome=runs.outcome(run),
        heartbeat=row,
        title=heartbeats.title(row),
        bot=bot,
        steps=transcript,
    )


def _glance(connection: Connection, project: Project, page: Page, now: datetime) -> Glance:
    start, _ = credits.period(now, project.period_anchor_day)
    states = overview.states(connection, project)
    return Glance(
        project,
        overview.listed(connection, project, page) if states.total else [],
        states,
        overview.running(connection, project),
        overview.days(connection, project, now.date(), CHART_DAYS),
        period_credits(connection, project.id or 0, start),
        None if states.total else overview.some_bot(connection, project),
    )


def _line(run: Run | Row[Any], zone: str, now: datetime, settings: Settings) -> runs.Line:
    return runs.line(run, zone, now, temporal_url(run.workflow_id, run.workflow_run_id, settings))


def _page(given: str, size: int) -> Page:
    """The page that was asked for; the first instead of anything that is no number."""
    known = given.isascii() and given.isdecimal() and len(given) <= 6
    return Page(max(1, int(given)) if known else 1, size)


def _address(path: str, page: Page) -> str:
    """Where a page is fetched again."""
    return path if page.number == 1 else f"{path}?page={page.number}"
