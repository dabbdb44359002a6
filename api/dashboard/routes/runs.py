"""All runs of a project: by filter, page by page, and as files."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response, StreamingResponse

from api.dashboard import zones
from api.dashboard.forms import Form, field_errors, validated
from api.dashboard.pages import PageRoute, html
from api.dashboard.views import run_export
from api.dashboard.views.formats import moment
from api.dashboard.views.run_search import found_run, options
from api.dashboard.visitor import Frame, Visitor, VisitorDep
from api.run_search import RunPage, WantedRuns, every_run, run_page, wanted_runs
from api.schemas.run_query import RunQuery
from heartbeat.domain.errors import InvalidMany
from heartbeat.settings import Settings
from heartbeat.store.overview.run_filters import FilterChoices, filter_choices
from heartbeat.store.overview.waiting import waiting_approvals
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.search import STARTS, WHOLE

router = APIRouter(route_class=PageRoute, include_in_schema=False)

RUNS_A_PAGE = 50
MAX_WAITING = 200
FIELDS = ("q", "status", "skip_reason", "trigger", "bot_id", "heartbeat_id", "member_id", "since", "until", "zone")

RunStream = Callable[[AsyncIterator[Row[Any]], Settings], AsyncIterator[bytes]]


@dataclass(frozen=True)
class ListRows:
    """What the list begins with: its filter, the choices of its form, and which runs wait for a person."""

    wanted: WantedRuns
    choices: FilterChoices
    waits: set[str]


@router.get("/runs")
async def runs_page(request: Request, visitor: VisitorDep) -> Response:
    """Runs of all heartbeats, newest first."""
    form = Form(request.query_params.multi_items())
    try:
        query = validated(RunQuery, form.filled(*FIELDS, "before"))
        frame, rows = await visitor.read_framed(_list, query, _zone(form), visitor.now())
    except InvalidMany as problem:
        return await _refused(visitor, form, problem)
    words = rows.wanted.runs.words
    if words:
        await visitor.count_costly(request, frame.project)
    # The words may stand anywhere in a text.
    page = await run_page(visitor.read, rows.wanted, RUNS_A_PAGE, WHOLE if words else STARTS)
    # A search reads much, and an older page has nothing new.
    refresh = None if words or query.before else _address(form)
    return _page(visitor, form, (frame, rows), page, refresh=refresh, older=_older(form, page), query=_query(form))


async def _refused(visitor: Visitor, form: Form, problem: InvalidMany) -> Response:
    """Show the form again as it was sent, with what is wrong at its field."""
    framed = await visitor.read_framed(_list, RunQuery(), _zone(form), visitor.now())
    shown = {"refresh": None, "older": None, "query": "", "status_code": 400, "errors": field_errors(problem)}
    return _page(visitor, form, framed, RunPage([]), **shown)


def _page(visitor: Visitor, form: Form, framed: tuple[Frame, ListRows], page: RunPage, **shown: Any) -> Response:
    (frame, rows), now, settings = framed, visitor.now(), visitor.stack.settings
    return html(
        "runs",
        frame=frame,
        form=form,
        options=options(rows.choices),
        runs=[found_run(run, rows.wanted.runs.words, now, settings) for run in page.rows],
        waits=rows.waits,
        page=page,
        stopped=moment(page.rest.started_at, UTC, now) if page.rest else None,
        first=_address(form),
        **{"errors": {}, **shown},
    )


def _list(connection: Connection, access: Access, query: RunQuery, zone: tzinfo, now: datetime) -> ListRows:
    wanted = wanted_runs(connection, access, query, zone)
    pending = waiting_approvals(connection, access.project, now, MAX_WAITING)
    choices = filter_choices(connection, access.project, wanted.runs)
    return ListRows(wanted, choices, {approval.run_uuid for approval in pending})


@router.get("/runs.csv")
async def as_csv(request: Request, visitor: VisitorDep) -> Response:
    """The runs of a filter as a table for a spreadsheet."""
    return await _file(request, visitor, run_export.as_csv, "csv", "text/csv; charset=utf-8")


@router.get("/runs.jsonl")
async def as_json_lines(request: Request, visitor: VisitorDep) -> Response:
    """The runs of a filter, each a line of JSON as the API has it."""
    return await _file(request, visitor, run_export.as_json_lines, "jsonl", "application/jsonl")


async def _file(request: Request, visitor: Visitor, write: RunStream, ending: str, media_type: str) -> Response:
    form, settings = Form(request.query_params.multi_items()), visitor.stack.settings
    query = validated(RunQuery, form.filled(*FIELDS))
    wanted = await visitor.read(wanted_runs, query, _zone(form))
    await visitor.count_costly(request)
    lines = write(every_run(visitor.read, wanted, settings.database_timeout_seconds), settings)
    headers = {"Content-Disposition": f"attachment; filename=runs.{ending}"}
    return StreamingResponse(lines, headers=headers, media_type=media_type)


def _zone(form: Form) -> tzinfo:
    """Return the zone whose days are meant: the reader's, or UTC if the address says so, as that of a chart's day."""
    return UTC if form.get("zone") == "UTC" else zones.reader_zone() or UTC


def _older(form: Form, page: RunPage) -> str | None:
    return _address(form, before=page.rest.position) if page.rest else None


def _address(form: Form, **more: str) -> str:
    query = _query(form, **more)
    return f"/runs?{query}" if query else "/runs"


def _query(form: Form, **more: str) -> str:
    return urlencode({**form.filled(*FIELDS), **more})
