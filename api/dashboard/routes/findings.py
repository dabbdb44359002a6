"""The page of findings: what runs have reported, with the buttons that say what became of it."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import read_form
from api.dashboard.pages import PageRoute, html, page_of, page_url
from api.dashboard.translations import marked
from api.dashboard.views import runs
from api.dashboard.views.findings import finding_view
from api.dashboard.visitor import VisitorDep
from heartbeat.domain.errors import Invalid
from heartbeat.store.database.pages import Page
from heartbeat.store.notifications import findings as store
from heartbeat.store.overview.waiting import OpenFindingRow, access_to_finding, open_findings, other_findings
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/findings", route_class=PageRoute, include_in_schema=False)

FINDINGS_A_PAGE, MAX_OTHER = 20, 20
# What a button says: the state it leads to, for how long, and what is said then.
BUTTONS: dict[str, tuple[store.State, timedelta | None, str]] = {
    "acknowledge": ("acknowledged", None, marked("Acknowledged: nothing more is said of it until it is worse.")),
    "day": ("snoozed", timedelta(days=1), marked("Snoozed for a day.")),
    "week": ("snoozed", timedelta(weeks=1), marked("Snoozed for a week.")),
    "resolve": ("resolved", None, marked("Resolved: when it is found again, you hear of it as new.")),
}


@router.get("")
async def findings_page(visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """What is open in the project, and what was set aside or mended."""
    now, current = visitor.now(), page_of(page, FINDINGS_A_PAGE)
    frame, (open_ones, others) = await visitor.read_framed(_findings, current)
    return html(
        "findings",
        frame=frame,
        refresh=page_url("/findings", current),
        open_ones=[finding_view(row, now) for row in open_ones],
        others=[finding_view(row, now) for row in others],
        pages=runs.pages(current, frame.waiting.findings),
        done=BUTTONS[done][2] if done in BUTTONS else None,
    )


def _findings(connection: Connection, access: Access, page: Page) -> tuple[list[OpenFindingRow], list[OpenFindingRow]]:
    open_ones = open_findings(connection, access.project, page)
    return open_ones, other_findings(connection, access.project, MAX_OTHER)


@router.post("/{uuid}")
async def mark(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Say what became of a finding, and go back to where the button was."""
    form = await read_form(request)
    button = form.get("say", "")
    if button not in BUTTONS:
        raise Invalid("say", f"must be one of {', '.join(BUTTONS)}")
    state, wait, _ = BUTTONS[button]
    now = visitor.now()
    finding = await visitor.write(_marked, uuid, state, now, now + wait if wait else None)
    back = f"/heartbeats/{finding.heartbeat_uuid}?done=marked" if form.get("back") else f"/findings?done={button}"
    return RedirectResponse(back, 303)


def _marked(
    connection: Connection, access: Access, finding_uuid: str, state: store.State, now: datetime, until: datetime | None
) -> store.ListedFinding:
    access = access_to_finding(connection, access, finding_uuid)
    return store.set_finding_state(connection, access, finding_uuid, state, now, until)
