"""The buttons that snooze a heartbeat for a while or skip its next run, and those that undo it."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form
from api.dashboard.local_times import to_instant
from api.dashboard.pages import PageRoute
from api.dashboard.routes.upcoming import hold_or_release
from api.dashboard.visitor import VisitorDep
from api.dashboard.zones import reader_zone
from heartbeat.domain.cadence.agenda import next_midnight
from heartbeat.domain.errors import Invalid
from heartbeat.store.heartbeats import snoozes
from heartbeat.store.overview.projects import access_to_heartbeat
from heartbeat.store.projects.access import Access

router = APIRouter(route_class=PageRoute, include_in_schema=False)

LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


@router.post("/heartbeats/{uuid}/snooze")
async def snooze(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Snooze a heartbeat, or let it run again."""
    form, now = await read_form(request), visitor.now()
    await visitor.write(_snooze, uuid, _until(form, now), now)
    return RedirectResponse(f"/heartbeats/{uuid}", 303)


@router.post("/heartbeats/{uuid}/skip")
async def skip(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Skip the run that the button names, or let it take place after all."""
    await visitor.read(access_to_heartbeat, uuid)
    form = await read_form(request)
    done = "release" if form.get("release") else "hold"
    await hold_or_release(visitor, uuid, done, form.get(done))
    return RedirectResponse(f"/heartbeats/{uuid}", 303)


def _snooze(connection: Connection, access: Access, uuid: str, until: datetime | None, now: datetime) -> None:
    access = access_to_heartbeat(connection, access, uuid)
    if until is None:
        snoozes.unsnooze(connection, access, now)
    else:
        snoozes.snooze(connection, access, until, now)


def _until(form: Form, now: datetime) -> datetime | None:
    """Return the end of the snooze that a button means; `None` for no snooze. Raises `Invalid`."""
    button, zone = form.get("for"), reader_zone() or ZoneInfo("UTC")
    if button in LENGTHS:
        return now + LENGTHS[button]
    if button == "monday":
        return next_midnight(now, zone, days=7 - now.astimezone(zone).weekday())
    if button == "date":
        until = to_instant("until", form.get("until"), zone)
        if until is None:
            raise Invalid("until", "choose a day and a time")
        return until
    return None
