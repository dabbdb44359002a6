"""The page that puts the project on hold, and the button that releases it."""

from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api import project_holds
from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.local_times import to_instant
from api.dashboard.pages import PageRoute, html
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.holds import RUNNING
from api.dashboard.visitor import Visitor, VisitorDep
from api.dashboard.zones import reader_zone
from api.schemas.project_holds import HoldProject
from heartbeat.domain.errors import ProductError

router = APIRouter(route_class=PageRoute, include_in_schema=False)

NOTICES = {
    "held": marked("The project is on hold."),
    "released": marked("The project goes on: what is due next runs again."),
}


@router.get("/hold")
async def hold_page(visitor: VisitorDep, done: str = "") -> Response:
    """The form that puts the project on hold, or puts another hold in the place of the one that it is on."""
    return await _page(visitor, Form(), done=done)


@router.post("/hold")
async def hold(request: Request, visitor: VisitorDep) -> Response:
    """Put the project on hold."""
    form = await read_form(request)
    try:
        project = (await visitor.access()).project
        until = to_instant("until", form.get("until"), reader_zone() or ZoneInfo("UTC"))
        values = {"project_id": project.uuid, "until": until, **form.filled("running")}
        body = validated(HoldProject, {**values, "reason": form.get("reason")})
        await project_holds.put_on_hold(visitor.stack, visitor.write, body.new_hold())
    except ProductError as problem:
        return await _page(visitor, form, refusal(problem))
    return RedirectResponse("/hold?done=held", 303)


@router.post("/release")
async def release(visitor: VisitorDep) -> Response:
    """Let the project go on."""
    await visitor.write(project_holds.release, visitor.now())
    return RedirectResponse("/hold?done=released", 303)


async def _page(visitor: Visitor, form: Form, problem: ProductError | None = None, done: str = "") -> Response:
    return html(
        "hold",
        400 if problem else 200,
        frame=await visitor.frame(),
        form=form,
        errors=field_errors(problem) if problem else {},
        running=[(value, _(words)) for value, words in RUNNING],
        zone=str(reader_zone() or "UTC"),
        done=NOTICES.get(done),
    )
