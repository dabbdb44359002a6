"""The page of settings: of the project, and of how this browser shows it."""

from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard import translations, zones
from api.dashboard.edited_meanwhile import (
    LOADED,
    THEIRS,
    EditedMeanwhile,
    field_changes,
    require_unedited,
    with_changes,
    with_theirs,
)
from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.pages import PageRoute, html, is_https
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.settings import FIELDS, language_options, plan_lines, saved_form, saved_values, turning
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.projects import UpdateProject
from heartbeat.domain.cadence.zones import names as zone_names
from heartbeat.domain.errors import Invalid, ProductError
from heartbeat.store.credits.ledger import period_credits
from heartbeat.store.credits.periods import move_anchor_day
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.projects import lock_project, rename_project, set_credit_budget

router = APIRouter(prefix="/settings", route_class=PageRoute, include_in_schema=False)

NOTICES = {
    "project": marked("The project was changed."),
    "display": marked("This browser shows pages like this from now on."),
}
CHOSEN = "heartbeat_zone_chosen"
YEAR = 365 * 86_400


@router.get("")
async def settings_page(request: Request, visitor: VisitorDep, done: str = "") -> Response:
    """The settings as they are."""
    return await _page(request, visitor, None, done=done)


@router.post("")
async def change_project(request: Request, visitor: VisitorDep) -> Response:
    """Change the project's name, its budget, and the day on which its billing periods begin."""
    form = await read_form(request)
    if form.get("do") == THEIRS:
        saved = saved_form((await visitor.access()).project)
        return await _page(request, visitor, with_theirs(form, saved, FIELDS))
    try:
        body = validated(UpdateProject, {name: form.get(name) for name in FIELDS})
        await visitor.write(_change, body, form, visitor.now())
    except EditedMeanwhile as problem:
        return await _page(request, visitor, with_changes(form, problem), problem)
    except ProductError as problem:
        return await _page(request, visitor, form, refusal(problem))
    return RedirectResponse("/settings?done=project", 303)


@router.post("/display")
async def change_display(request: Request, visitor: VisitorDep) -> Response:
    """Keep in this browser which language and time zone it wants; an empty one is left to the browser."""
    form, response = await read_form(request), RedirectResponse("/settings?done=display", 303)
    await visitor.access()
    chosen, zone = form.get(translations.COOKIE), form.get(zones.COOKIE)
    language = chosen if chosen in translations.languages() else ""
    if zone and zone not in zone_names():
        return await _page(request, visitor, None, display=form, problem=Invalid(zones.COOKIE, _("is no time zone")))
    for name, value in ((translations.COOKIE, language), (zones.COOKIE, zone), (CHOSEN, "1" if zone else "")):
        if value:
            # The script of a page sets the zone of a browser that chose none.
            response.set_cookie(name, value, max_age=YEAR, secure=is_https(request), samesite="lax")
        else:
            response.delete_cookie(name)
    return response


async def _page(
    request: Request,
    visitor: Visitor,
    form: Form | None,
    problem: ProductError | None = None,
    display: Form | None = None,
    done: str = "",
) -> Response:
    frame, (access, used) = await visitor.read_framed(_used, visitor.now())
    project = frame.project
    changes = field_changes(problem, FIELDS) if isinstance(problem, EditedMeanwhile) else ()
    names = (translations.COOKIE, zones.COOKIE) if CHOSEN in request.cookies else (translations.COOKIE,)
    cookies = [(name, request.cookies.get(name, "")) for name in names]
    return html(
        "settings",
        409 if changes else 400 if problem else 200,
        frame=frame,
        form=form or saved_form(project),
        changes=changes,
        errors=field_errors(problem) if problem and not changes else {},
        turning=turning(project, visitor.now()),
        plan=plan_lines(access.plan),
        used=used,
        display=display or Form(cookies),
        languages=language_options(),
        zones=sorted(zone_names()),
        done=NOTICES.get(done),
    )


def _used(connection: Connection, access: Access, now: datetime) -> tuple[Access, int]:
    """Read what the project used in the billing period of now."""
    return access, period_credits(connection, access.project.id, access.project.period(now)[0])


def _change(connection: Connection, access: Access, body: UpdateProject, form: Form, now: datetime) -> None:
    saved = saved_values(lock_project(connection, access.project))
    require_unedited(form.get(LOADED), saved, {name: form.get(name) for name in FIELDS})
    rename_project(connection, access.project, body.name)
    move_anchor_day(connection, access.project, body.anchor_day, now)
    set_credit_budget(connection, access.project, body.credit_budget)
