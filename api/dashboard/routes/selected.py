"""Several rows at once, selected in a list: what can be done to one is done to each of them."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form
from api.dashboard.pages import PageRoute, html
from api.dashboard.selections import MAX_SELECTED, SELECTIONS, Change
from api.dashboard.translations import gettext as _
from api.dashboard.views.selection import SelectionFailure, list_path, outcome, question
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.domain.errors import ProductError
from heartbeat.store.overview.titles import TITLES

router = APIRouter(prefix="/selected", route_class=PageRoute, include_in_schema=False)


async def change_selected(request: Request, visitor: VisitorDep) -> Response:
    """Do it to each, one after the other, and say to which it could not be done; ask first where that is due."""
    kind, action = request.scope["path"].split("/")[2:]
    form = await read_form(request)
    uuids = list(dict.fromkeys(form.all("id")))[:MAX_SELECTED]
    chosen, back = SELECTIONS[kind].actions[action], form.get("back")
    path = list_path(kind, Form(parse_qsl(back)))
    if chosen.question and uuids and form.get("sure") != "yes":
        frame, titles = await visitor.read_framed(TITLES[kind], uuids)
        return html(
            "selected_question",
            frame=frame,
            place=SELECTIONS[kind].path,
            action=f"/selected/{kind}/{action}",
            question=question(chosen.question, len(titles)),
            warning=_(chosen.warning),
            button=_(chosen.label),
            titles=titles,
            back=back,
            path=path,
        )
    refusals = await _change_each(visitor, kind, chosen.change, uuids)
    if not refusals:
        return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={action}&n={len(uuids)}", 303)
    frame, titles = await visitor.read_framed(TITLES[kind], list(refusals))
    changed = len(uuids) - len(refusals)
    return html(
        "selected",
        frame=frame,
        path=path,
        place=SELECTIONS[kind].path,
        page=SELECTIONS[kind].page,
        done=outcome(kind, action, changed) if changed else None,
        failures=[SelectionFailure(uuid, titles.get(uuid), why) for uuid, why in refusals.items()],
    )


for kind, selection in SELECTIONS.items():
    for action in selection.actions:
        router.add_api_route(f"/{kind}/{action}", change_selected, methods=["POST"])


async def _change_each(visitor: Visitor, kind: str, change: Change, uuids: list[str]) -> dict[str, str]:
    """Change each in a transaction of its own, for one that is refused is no reason against the others.

    Returns why it was refused, by id.
    """
    refusals: dict[str, str] = {}
    heartbeats: list[str] = []
    now = visitor.now()
    for uuid in uuids:
        if kind == "keys" and uuid == visitor.key_uuid:
            refusals[uuid] = _("You are signed in with this key; revoke it by itself.")
            continue
        try:
            heartbeats += await visitor.write(change, uuid, now)
        except ProductError as problem:
            refusals[uuid] = problem.message
    await visitor.stack.schedules.sync_all(heartbeats)
    return refusals
