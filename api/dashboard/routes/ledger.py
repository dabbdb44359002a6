"""The ledger behind the numbers of credits: of a period, a heartbeat or a run; or of a bot, a model or a day."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.forms import Form
from api.dashboard.pages import PageRoute, html, key_of
from api.dashboard.routes.credits import day_of
from api.dashboard.views import credits as view
from api.dashboard.views.formats import moment
from api.dashboard.views.heartbeats import title
from api.dashboard.visitor import VisitorDep
from api.run_search import RunPage, WantedRuns, run_page
from heartbeat.domain.text import storable_text
from heartbeat.store.credits.periods import BillingPeriod, billing_period, periods
from heartbeat.store.credits.usage import bots_that_used, models_used
from heartbeat.store.overview.entries import LedgerChoice, LedgerPage, entries_of_runs, ledger_page
from heartbeat.store.overview.run_filters import BOT, NamedRows, bot_choices, run_filter
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.runs.search import RUN, RunFilter, id_range

router = APIRouter(prefix="/credits", route_class=PageRoute, include_in_schema=False)

ENTRIES_A_PAGE = 50
# Each has a few entries.
RUNS_A_PAGE = 20
MAX_MODEL = 500
OF_RUNS = ("bot", "model", "day")
FIELDS = ("period", "heartbeat", "run", *OF_RUNS)


@dataclass(frozen=True)
class LedgerRows:
    """A period with what can be chosen of it, and a page of entries, or the runs that lead to one."""

    start: datetime
    bots: list[Row[Any]]
    models: list[str]
    page: LedgerPage
    runs: WantedRuns | None = None


@router.get("/ledger")
async def ledger(request: Request, visitor: VisitorDep) -> Response:
    """The entries that the address asks for, newest first."""
    form, now = Form(request.query_params.multi_items()), visitor.now()
    frame, rows = await visitor.read_framed(_ledger, form, now)
    page, runs = rows.page, RunPage([])
    if rows.runs:
        runs = await run_page(visitor.read, rows.runs, RUNS_A_PAGE, (RUN.c.id,))
        page = LedgerPage(await visitor.read(entries_of_runs, [run.id for run in runs.rows]), None)
    about = form.filled(*FIELDS) | ({} if page.run else {"period": f"{rows.start:%Y-%m-%d}"})
    older = runs.rest.position if runs.rest else page.older
    return html(
        "ledger",
        frame=frame,
        form=form,
        since=view.day_title(rows.start.date()),
        start=f"{rows.start:%Y-%m-%d}",
        bots=[(bot.uuid, view.bot_title(bot)) for bot in rows.bots],
        models=rows.models,
        title=title(page.heartbeat) if page.heartbeat else None,
        run=page.run,
        by_run=rows.runs is not None,
        runs=runs,
        stopped=moment(runs.rest.started_at, UTC, now) if runs.rest and runs.stopped else None,
        lines=[view.entry_line(row, now) for row in page.entries],
        query=urlencode(about),
        older=older,
        is_first=not form.get("before"),
    )


def _ledger(connection: Connection, access: Access, form: Form, now: datetime) -> LedgerRows:
    project, day, before = access.project, day_of(form.get("period")), key_of(form.get("before"))
    period = billing_period(project, periods(connection, project) if day else [], day, now)
    run, heartbeat = form.get("run"), form.get("heartbeat")
    if run or heartbeat:
        choice = LedgerChoice(period.start, heartbeat, run)
        return LedgerRows(period.start, [], [], ledger_page(connection, project, choice, before, ENTRIES_A_PAGE))
    bots = list(bot_choices(connection, project, BOT.c.uuid == as_public_id(form.get("bot"))))
    rows = LedgerRows(period.start, bots, models_used(connection, project, period), LedgerPage([], None))
    if form.filled(*OF_RUNS):
        wanted = _of_runs(connection, access, form, period)
        return replace(rows, runs=WantedRuns(wanted, id_range(connection, wanted, form.get("before") or None)))
    choice = LedgerChoice(period.start)
    return replace(rows, page=ledger_page(connection, project, choice, before, ENTRIES_A_PAGE))


def _of_runs(connection: Connection, access: Access, form: Form, period: BillingPeriod) -> RunFilter:
    """Say which runs lead to the entries: those that began in the period, or on the day. Raises `NotFound`."""
    day, model = day_of(form.get("day")), storable_text(form.get("model")[:MAX_MODEL])
    since, until = (_midnight(day), _midnight(day) + timedelta(days=1)) if day else (period.start, period.end)
    names = NamedRows(form.get("bot") or None)
    wanted = run_filter(connection, access.project, names, since=since, until=until, model=model or None, began=True)
    if not model or names.bot:
        return wanted
    # The daily numbers know who had it, so the others' runs are not walked through.
    return replace(wanted, bot_ids=bots_that_used(connection, access.project, period, model))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
