"""The form of a heartbeat: make one, change one, make another like it, delete one. Looking ahead stores nothing."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard import heartbeat_form as forms
from api.dashboard.edited_meanwhile import (
    THEIRS,
    EditedMeanwhile,
    FieldChange,
    as_new,
    field_changes,
    with_changes,
    with_loaded,
    with_theirs,
)
from api.dashboard.expectation_form import AS_THE_BOT, REPORT, with_report
from api.dashboard.forms import Form, read_form, refusal
from api.dashboard.gallery import gallery
from api.dashboard.heartbeat_saving import look_ahead, require_heartbeat, save_once
from api.dashboard.pages import PageRoute, html
from api.dashboard.translations import gettext as _
from api.dashboard.views import heartbeat_form as views
from api.dashboard.views.heartbeat_form import EditorRows
from api.dashboard.views.heartbeats import title
from api.dashboard.visitor import Visitor, VisitorDep
from api.dashboard.when_form import ONCE, completed, executions, is_task, when_values
from api.dashboard.zones import reader_zone
from api.model_rates import model_rates
from api.parked_runs import wake_payable
from heartbeat.agents.model_offers import ModelOffer, offered_models
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.errors import Invalid, InvalidMany, NotFound, ProductError
from heartbeat.domain.forecast import forecast
from heartbeat.domain.ids import new_id
from heartbeat.store.bots.bots import bots, with_tools
from heartbeat.store.bots.subscribers import subscribers
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats.heartbeats import delete_heartbeat
from heartbeat.store.heartbeats.tasks import TASK
from heartbeat.store.overview.projects import access_to_heartbeat, heartbeat_and_bot
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/heartbeats", route_class=PageRoute, include_in_schema=False)

MAX_BOTS, MAX_MEMBERS, MAX_TICKS = 500, 500, 10
# What a new form proposes.
BEGINNING = {"prompt": "", "cron_pattern": "0 9 * * 1-5"}


@dataclass(frozen=True)
class Editor:
    """The form as it is to be shown: what is typed, what is wrong with it, and what others changed meanwhile.

    `heartbeat_uuid` is the one that is changed, `None` for a new one. `address` is where the form is sent to, and
    `is_sent` whether it comes from there. `template` is the name of the one that it began with.
    """

    form: Form
    address: str
    heartbeat_uuid: str | None = None
    is_sent: bool = True
    template: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    changes: tuple[FieldChange, ...] = ()
    status: int = 200


@router.get("/new")
async def new_page(
    request: Request,
    visitor: VisitorDep,
    template: str = "",
    source: Annotated[str, Query(alias="from")] = "",
    bot: str = "",
    frequency: str = "",
) -> Response:
    """A new heartbeat: empty, from a template, or like another; of a bot, if one is named; a task with `once`."""
    form = await visitor.read(_copy, source) if source else _beginning(template, bot)
    form = form.replaced([("frequency", ONCE)]) if frequency == ONCE else form
    return await _show(visitor, Editor(form, address(request), is_sent=False, template=template))


@router.post("/new")
async def make(request: Request, visitor: VisitorDep, template: str = "") -> Response:
    """Make the heartbeat that the form asks for, or say what is wrong with it."""
    return await _submitted(visitor, Editor(await read_form(request), address(request), template=template))


@router.post("/outlook")
async def outlook(request: Request, visitor: VisitorDep) -> Response:
    """Look ahead with what is typed so far: the part of the page beside the form."""
    form = await read_form(request)
    access = await visitor.access()
    ahead, refusals = await _outlook(visitor, form)
    return html(
        "outlook",
        when=when_values(completed(form)),
        errors=refusals | _errors(form, access.project.uuid),
        outlook=ahead,
    )


@router.get("/{uuid}/edit")
async def edit_page(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """The form of a heartbeat as it is."""
    form = await visitor.read(_as_it_is, uuid)
    return await _show(visitor, Editor(form, address(request), uuid, is_sent=False))


@router.post("/{uuid}/edit")
async def edit(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Change a heartbeat as its form asks for, or say what is wrong with it."""
    form = (await read_form(request)).replaced([("uuid", uuid)])
    return await _submitted(visitor, Editor(form, address(request), uuid))


@router.get("/{uuid}/delete")
async def delete_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether a heartbeat is to be deleted."""
    frame, access = await visitor.read_framed(access_to_heartbeat, uuid)
    return html("heartbeat_delete", frame=frame, heartbeat=access.heartbeat, title=title(access.heartbeat))


@router.post("/{uuid}/delete")
async def delete(uuid: str, visitor: VisitorDep) -> Response:
    """Delete a heartbeat and its schedule. Its logs stay."""
    stack = visitor.stack
    await stack.schedules.sync_all(await visitor.write(_deleted, uuid, visitor.now()))
    return RedirectResponse("/?done=deleted", 303)


def _beginning(template: str, bot_uuid: str) -> Form:
    """Fill the form of a new heartbeat with a template, or with what most begin with."""
    templates = gallery()
    values = templates[template].values if template in templates else BEGINNING
    bot = [("bot_id", bot_uuid), ("bot_name", _("My agent"))]
    # Left empty, it is the plan's.
    form = forms.form_of({"timezone": str(reader_zone() or UTC), "jitter_seconds": "", **values}, bot)
    return form if "expect" in values else form.replaced([(REPORT, AS_THE_BOT)])


def address(request: Request) -> str:
    """Return the path of a request with its query: a refused form stays where it was typed."""
    path: str = request.scope["path"]
    return f"{path}?{request.url.query}" if request.url.query else path


async def _submitted(visitor: Visitor, editor: Editor) -> Response:
    """Do what the button says that was pressed, or say what is wrong."""
    try:
        return await BUTTONS.get(editor.form.get("do"), _save)(visitor, editor)
    except EditedMeanwhile as problem:
        return await _show(visitor, _edited_meanwhile(editor, problem))
    except ProductError as problem:
        return await _show(visitor, _refused(editor, refusal(problem)))


async def _check(visitor: Visitor, editor: Editor) -> Response:
    access = await visitor.access()
    return await _show(visitor, replace(editor, errors=_errors(editor.form, access.project.uuid)))


async def _take_theirs(visitor: Visitor, editor: Editor) -> Response:
    theirs = await visitor.read(_as_it_is, editor.heartbeat_uuid or "")
    return await _show(visitor, replace(editor, form=with_theirs(editor.form, theirs, views.FIELDS)))


async def _save(visitor: Visitor, editor: Editor) -> Response:
    enable = editor.form.get("do") == "enable"
    heartbeat = await _saved(visitor, editor.form, enable)
    if heartbeat.type == TASK:
        return RedirectResponse(f"/tasks/{heartbeat.uuid}?done=created", 303)
    done = "enable" if enable else "saved" if editor.heartbeat_uuid else "created"
    return RedirectResponse(f"/heartbeats/{heartbeat.uuid}?done={done}", 303)


BUTTONS = {"check": _check, THEIRS: _take_theirs}


async def _saved(visitor: Visitor, form: Form, enable: bool) -> Heartbeat:
    require_heartbeat(form)
    wanted = forms.request_of(form, (await visitor.access()).project.uuid).sealed(visitor.stack.settings)
    heartbeat = await visitor.write(save_once, wanted, form.get("loaded"), enable, visitor.now())
    await wake_payable(visitor.stack, heartbeat)
    return await visitor.stack.schedules.sync_row(heartbeat)


def _refused(editor: Editor, problem: ProductError) -> Editor:
    """Say what is wrong; the form of a heartbeat that is gone becomes that of a new one."""
    errors = forms.form_errors(problem, editor.form)
    if problem.code != "heartbeat_not_found":
        return replace(editor, errors=errors, status=problem.status)
    gone = _("This heartbeat was deleted meanwhile. What you typed is still here; saving it makes a new one.")
    form = as_new(editor.form, "uuid")
    return Editor(form, "/heartbeats/new", errors={"": gone}, status=problem.status)


def _edited_meanwhile(editor: Editor, problem: EditedMeanwhile) -> Editor:
    """Tell what others changed."""
    changes = field_changes(problem, views.FIELDS)
    return replace(editor, form=with_changes(editor.form, problem), changes=changes, status=problem.status)


async def _show(visitor: Visitor, editor: Editor) -> Response:
    frame, rows = await visitor.read_framed(_rows, editor.heartbeat_uuid)
    settings = visitor.stack.settings
    offers = await asyncio.to_thread(offered_models, settings, settings.plan(frame.project.plan))
    form = editor.form if editor.is_sent else _with_ollama(editor.form, offers)
    form = completed(with_report(_with_draft(_with_bot(form, rows), rows), rows.with_tools))
    templates = gallery()
    return html(
        "heartbeat_form",
        editor.status,
        frame=frame,
        form=form,
        address=editor.address,
        is_sent=editor.is_sent,
        errors=editor.errors,
        changes=editor.changes,
        heartbeat=rows.heartbeat,
        bot=rows.bot,
        title=title(rows.heartbeat) if rows.heartbeat else None,
        choices=views.choices(rows, offers, form),
        zones=views.zone_options(),
        templates=templates,
        with_tools=" ".join(sorted(rows.with_tools)),
        tools=templates[editor.template].tools if editor.template in templates else [],
        when=when_values(form),
        outlook=(await _outlook(visitor, form))[0],
    )


async def _outlook(visitor: Visitor, form: Form) -> tuple[views.OutlookView | None, dict[str, str]]:
    """Look ahead; `None` while the form leaves open when it is due, with what is wrong by fields."""
    now = visitor.now()
    try:
        ahead = await visitor.read(look_ahead, form, model_rates(visitor.stack.settings), now)
    except (Invalid, InvalidMany) as problem:
        return None, forms.form_errors(problem, form)
    except (CadenceError, NotFound):
        return None, {}
    count = min(MAX_TICKS, executions(form) or MAX_TICKS)
    # Counting a year of ticks takes tens of milliseconds: not on the loop.
    outcome = await asyncio.to_thread(forecast, ahead.cadence, ahead.measured, ahead.budget, now, count)
    return views.outlook_view(outcome, ahead, is_task(form), now), {}


def _errors(form: Form, project_uuid: str) -> dict[str, str]:
    """Say what is wrong with a form, as far as that can be said without the store."""
    try:
        require_heartbeat(form)
        forms.request_of(form, project_uuid)
    except ProductError as problem:
        return forms.form_errors(problem, form)
    return {}


def _with_bot(form: Form, rows: EditorRows) -> Form:
    """Choose the first bot where none is chosen; a heartbeat stays with its own."""
    if rows.bot:
        return form.replaced([("bot_id", rows.bot.uuid)])
    if form.get("bot_id"):
        return form
    return form.replaced([("bot_id", rows.bots[0].uuid if rows.bots else forms.NEW_BOT)])


def _with_ollama(form: Form, offers: list[ModelOffer]) -> Form:
    """Choose the newest model of an Ollama for a bot to be made, rather than the small one that is the default then."""
    ollama = [offer.name for offer in offers[1:] if offer.name.startswith("ollama:")]
    return form.replaced([("bot_model", name) for name in ollama[:1]])


def _with_draft(form: Form, rows: EditorRows) -> Form:
    """Name the draft that the form's rehearsals belong to, and that becomes the heartbeat when it is saved."""
    if rows.heartbeat or form.get("draft"):
        return form
    return form.replaced([("draft", new_id("hb"))])


def _rows(connection: Connection, access: Access, heartbeat_uuid: str | None) -> EditorRows:
    if heartbeat_uuid:
        return EditorRows([], [], *heartbeat_and_bot(connection, access.project, heartbeat_uuid))
    of_project, _ = bots(connection, access, Page(1, MAX_BOTS))
    members, _ = subscribers(connection, access, Page(1, MAX_MEMBERS))
    return EditorRows(of_project, members, with_tools=with_tools(connection, of_project))


def _as_it_is(connection: Connection, access: Access, uuid: str) -> Form:
    heartbeat, bot = heartbeat_and_bot(connection, access.project, uuid)
    form = forms.form_of_row(heartbeat, [("uuid", heartbeat.uuid), ("bot_id", bot.uuid)])
    return with_loaded(form, forms.saved_values(heartbeat))


def _copy(connection: Connection, access: Access, uuid: str) -> Form:
    """Fill the form of a new heartbeat as another is; its own key stays with it."""
    heartbeat, bot = heartbeat_and_bot(connection, access.project, uuid)
    member = member_uuids(connection, [heartbeat]).get(heartbeat.member_id, "")
    form = forms.form_of_row(heartbeat, [("bot_id", bot.uuid), ("member_id", member)])
    label = _("%(name)s (copy)") % {"name": heartbeat.label} if heartbeat.label else ""
    return form.replaced([("label", label[:200])], "external_id")


def _deleted(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    return delete_heartbeat(connection, access_to_heartbeat(connection, access, uuid), now)
