"""Several heartbeats at once, selected in a list: switch on, switch off, delete."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form
from api.dashboard.pages import PageRoute, Visitor, VisitorDep, html
from api.dashboard.routes.heartbeats import MAX_HEARTBEATS_A_PAGE, list_path
from api.dashboard.views.selection import SelectionFailure, outcome
from heartbeat.domain.errors import NotFound, ProductError
from heartbeat.store.heartbeats import heartbeats as store
from heartbeat.store.overview.heartbeat_list import titles
from heartbeat.store.overview.projects import access_to_heartbeat
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/selected", route_class=PageRoute, include_in_schema=False)

Change = Callable[[Connection, Access, datetime], object]

CHANGES: dict[str, Change] = {
    "enable": store.enable,
    "disable": store.disable,
    "delete": store.delete_heartbeat,
}


@router.post("/{action}")
async def change_selected(action: str, request: Request, visitor: VisitorDep) -> Response:
    """Do it to each, one after the other, and say to which it could not be done; ask first before any is deleted."""
    if action not in CHANGES:
        raise NotFound("page", action[:64])
    form = await read_form(request)
    uuids = list(dict.fromkeys(form.all("heartbeat")))[:MAX_HEARTBEATS_A_PAGE]
    path = list_path(Form(parse_qsl(form.get("back"))))
    if action == "delete" and uuids and form.get("sure") != "yes":
        frame, named = await visitor.read_framed(titles, uuids)
        return html("delete_selected", frame=frame, titles=named, back=form.get("back"), path=path)
    refusals = await _change_each(visitor, CHANGES[action], uuids)
    if not refusals:
        return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={action}&n={len(uuids)}", 303)
    frame, named = await visitor.read_framed(titles, list(refusals))
    changed = len(uuids) - len(refusals)
    return html(
        "selected",
        frame=frame,
        path=path,
        done=outcome(action, changed) if changed else None,
        failures=[SelectionFailure(uuid, named.get(uuid), why) for uuid, why in refusals.items()],
    )


async def _change_each(visitor: Visitor, change: Change, uuids: list[str]) -> dict[str, str]:
    """Change each in a transaction of its own, for one that is refused is no reason against the others.

    Returns why it was refused, by id.
    """
    refusals = {}
    for uuid in uuids:
        try:
            await visitor.write(_changed, uuid, change, visitor.now())
        except ProductError as problem:
            refusals[uuid] = problem.message
    await visitor.stack.schedules.sync_all([uuid for uuid in uuids if uuid not in refusals])
    return refusals


def _changed(connection: Connection, access: Access, uuid: str, change: Change, now: datetime) -> None:
    change(connection, access_to_heartbeat(connection, access, uuid), now)
