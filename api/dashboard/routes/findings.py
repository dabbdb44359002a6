"""The page of findings: what runs have reported, with the buttons that say what became of it."""

from datetime import timedelta

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.pages import PageRoute, VisitorDep, address, form, html, which_page
from api.dashboard.views import runs
from api.dashboard.views.findings import matter
from api.deps import utc_now
from heartbeat.domain.errors import Invalid
from heartbeat.store.notifications import findings as store
from heartbeat.store.overview import waiting
from heartbeat.store.tables.projects import Project

router = APIRouter(prefix="/findings", route_class=PageRoute, include_in_schema=False)

FINDINGS_A_PAGE, MOST_OTHER = 20, 20
# What a button says: the state it leads to, for how long, and what is said then.
BUTTONS: dict[str, tuple[store.State, timedelta | None, str]] = {
    "acknowledge": ("acknowledged", None, "Acknowledged: nothing more is said of it until it changes."),
    "day": ("snoozed", timedelta(days=1), "Snoozed for a day."),
    "week": ("snoozed", timedelta(weeks=1), "Snoozed for a week."),
    "resolve": ("resolved", None, "Resolved: when it is found again, you hear of it as new."),
}


@router.get("")
async def findings_page(visiting: VisitorDep, page: str = "1", done: str = "") -> Response:
    """What is open in the project, and what was set aside or mended."""
    now, wanted = utc_now(), which_page(page, FINDINGS_A_PAGE)

    def work(
        connection: Connection, project: Project
    ) -> tuple[list[waiting.OpenFindingRow], list[waiting.OpenFindingRow]]:
        standing = waiting.open_findings(connection, project, wanted)
        return standing, waiting.other_findings(connection, project, MOST_OTHER)

    frame, (standing, others) = await visiting.read_framed(work)
    return html(
        "findings",
        frame=frame,
        refresh=address("/findings", wanted),
        standing=[matter(found, now) for found in standing],
        others=[matter(found, now) for found in others],
        pages=runs.pages(wanted, frame.waiting.findings),
        done=BUTTONS[done][2] if done in BUTTONS else None,
    )


@router.post("/{uuid}")
async def mark(uuid: str, request: Request, visiting: VisitorDep) -> Response:
    """Say what became of a finding, and go back to where the button was."""
    given = await form(request)
    button = given.get("say", "")
    if button not in BUTTONS:
        raise Invalid("say", f"must be one of {', '.join(BUTTONS)}")
    state, wait, _ = BUTTONS[button]

    def work(connection: Connection, project: Project) -> store.ListedFinding:
        now, bot = utc_now(), waiting.bot_of_finding(connection, project, uuid)
        return store.mark(connection, bot, uuid, state, now, now + wait if wait else None)

    marked = await visiting.write(work)
    back = f"/heartbeats/{marked.heartbeat}?done=marked" if given.get("back") else f"/findings?done={button}"
    return RedirectResponse(back, 303)
