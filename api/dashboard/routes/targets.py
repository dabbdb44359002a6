"""The form of a notification target: add one, change one, try it before it is saved, switch it off, delete it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.edited_meanwhile import (
    LOADED,
    THEIRS,
    EditedMeanwhile,
    FieldChange,
    as_new,
    field_changes,
    require_unedited,
    with_changes,
    with_theirs,
)
from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.pages import PageRoute, html
from api.dashboard.sent_again import make_once
from api.dashboard.translations import gettext as _
from api.dashboard.views import target_form as view
from api.dashboard.views.channel_hints import CHANNEL_HINTS
from api.dashboard.visitor import Visitor, VisitorDep
from api.notification_targets import NewTarget, new_target, store_target, target_changes
from api.schemas.notifications import CreateTarget, UpdateTarget
from heartbeat.domain.errors import NotFound, ProductError
from heartbeat.notifications.delivery import send_test_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications import targets as store
from heartbeat.store.notifications.outbox import DeliveryOutcome
from heartbeat.store.overview.targets import access_to_owner, possible_owners
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.notifications import Target

router = APIRouter(prefix="/notifications", route_class=PageRoute, include_in_schema=False)

TEST = "test"
ORIGIN = "from the dashboard, before it was saved"


@dataclass(frozen=True)
class TargetEditor:
    """A form to show: of a new target of `channel`, or of one that is stored; with what is wrong or was tried.

    `is_gone` says that it began as that of a target which was deleted meanwhile.
    """

    channel: str
    form: Form
    listed: store.ListedTarget | None = None
    problem: ProductError | None = None
    tried: DeliveryOutcome | None = None
    changes: tuple[FieldChange, ...] = ()
    is_gone: bool = False


@router.get("/new")
async def new_page(visitor: VisitorDep, channel: str = "", of: str = "") -> Response:
    """The channels to choose from, and then the form of one."""
    if channel in CHANNEL_HINTS:
        return await _page(visitor, TargetEditor(channel, view.empty_form(channel, of)))
    return html("target_channels", frame=await visitor.frame(), channels=view.channels(visitor.stack.settings), of=of)


@router.post("/new")
async def create(request: Request, visitor: VisitorDep, channel: str = "") -> Response:
    """Add a target, or try it first."""
    form, settings = await read_form(request), visitor.stack.settings
    if channel not in CHANNEL_HINTS:
        raise NotFound("channel", channel[:64])
    access = await visitor.access()
    try:
        config = view.config_of(form, view.controls(channel, settings))
        ids = {"project_id": access.project.uuid, **view.owner_ids(form.get("owner"))}
        body = validated(CreateTarget, {**view.values_of(form), **ids, "channel": channel, "config": config})
        new = new_target(body, settings)
        if form.get("do") == TEST:
            return await _tried(visitor, TargetEditor(channel, form), new.row)
        uuid = await visitor.write(_created, form, body, new, visitor.now())
    except ProductError as problem:
        return await _page(visitor, TargetEditor(channel, form, problem=refusal(problem)))
    if new.made_up and uuid == new.row.uuid:
        return html("target_secret", frame=await visitor.frame(), name=body.name, secrets=new.made_up)
    return RedirectResponse("/notifications?done=added", 303)


@router.get("/targets/{uuid}")
async def edit_page(uuid: str, visitor: VisitorDep) -> Response:
    """The form of a target as it is saved."""
    listed = await visitor.read(store.target, uuid)
    return await _page(visitor, TargetEditor(listed.target.channel, _as_it_is(visitor, listed), listed))


def _as_it_is(visitor: Visitor, listed: store.ListedTarget) -> Form:
    return view.form_of(listed, view.controls(listed.target.channel, visitor.stack.settings, listed))


@router.post("/targets/{uuid}")
async def change(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Change a target, or try what is in its form first."""
    form = await read_form(request)
    try:
        return await _change(visitor, uuid, form)
    except NotFound as problem:
        if form.get("channel") not in CHANNEL_HINTS:
            raise
        return await _page(visitor, _gone(form, problem))


async def _change(visitor: Visitor, uuid: str, form: Form) -> Response:
    """Raises `NotFound` when the target was deleted meanwhile."""
    settings, access = visitor.stack.settings, await visitor.access()
    listed = await visitor.read(store.target, uuid)
    editor = TargetEditor(listed.target.channel, form, listed)
    controls = view.controls(editor.channel, settings, listed)
    fields_of_form = view.edited_fields(controls)
    if form.get("do") == THEIRS:
        theirs = with_theirs(form, _as_it_is(visitor, listed), fields_of_form)
        return await _page(visitor, replace(editor, form=theirs))
    try:
        config = view.config_of(form, controls)
        ids = {"project_id": access.project.uuid, "target_id": uuid}
        fields = target_changes(
            validated(UpdateTarget, {**view.values_of(form), **ids, "config": config}), listed, settings
        )
        if form.get("do") == TEST:
            return await _tried(visitor, editor, Target.model_construct(**{**listed.target.__dict__, **fields}))
        await visitor.write(_changed, editor, controls, fields, visitor.now())
    except EditedMeanwhile as problem:
        changes = field_changes(problem, fields_of_form)
        return await _page(visitor, replace(editor, form=with_changes(form, problem), changes=changes))
    except NotFound:
        raise
    except ProductError as problem:
        return await _page(visitor, TargetEditor(editor.channel, form, listed, refusal(problem)))
    return RedirectResponse("/notifications?done=changed", 303)


def _gone(form: Form, problem: NotFound) -> TargetEditor:
    """Make the form of a target that is gone that of a new one."""
    words = _(
        "This target was deleted meanwhile. What you typed is still here; saving it adds a new one. "
        "A secret that was kept has to be typed again."
    )
    new = as_new(form, "channel", view.FORGET)
    said = ProductError(words, problem.code, problem.status)
    return TargetEditor(form.get("channel"), new, problem=said, is_gone=True)


@router.post("/targets/{uuid}/switch")
async def switch(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Switch a target off, or on again."""
    is_enabled = (await read_form(request)).get("to") == "on"
    await visitor.write(store.write_target, uuid, {"is_enabled": is_enabled}, visitor.now())
    return RedirectResponse(f"/notifications?done={'on' if is_enabled else 'off'}", 303)


@router.get("/targets/{uuid}/delete")
async def delete_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether it is meant."""
    frame, listed = await visitor.read_framed(store.target, uuid)
    return html("target_delete", frame=frame, target=listed.target)


@router.post("/targets/{uuid}/delete")
async def delete(uuid: str, visitor: VisitorDep) -> Response:
    """Delete a target: nothing is sent there any more."""
    await visitor.write(store.delete_target, uuid, visitor.now())
    return RedirectResponse("/notifications?done=deleted", 303)


async def _tried(visitor: Visitor, editor: TargetEditor, target: Target) -> Response:
    """Send a message to the target as the form has it, and show the form with what came of it."""
    settings, now = visitor.stack.settings, visitor.now()
    outcome = await send_test_message(target, Keyring.from_settings(settings), settings, ORIGIN, now)
    moved = {name: value for name, (_, value) in (outcome.config_changes or {}).items()}
    form = view.with_new_address(editor.form, moved)
    return await _page(visitor, TargetEditor(editor.channel, form, editor.listed, tried=outcome))


async def _page(visitor: Visitor, editor: TargetEditor) -> Response:
    owner = editor.form.get("owner")
    frame, owners = await visitor.read_framed(possible_owners, owner.rpartition("/")[2])
    return html(
        "target_form",
        404 if editor.is_gone else 409 if editor.changes else 400 if editor.problem else 200,
        frame=frame,
        channel=next(one for one in view.channels(visitor.stack.settings) if one.channel == editor.channel),
        controls=view.controls(editor.channel, visitor.stack.settings, editor.listed),
        target=editor.listed.target if editor.listed else None,
        owners=view.owner_options(owners),
        events=view.event_options(),
        units=view.cooldown_units(),
        form=editor.form,
        errors=field_errors(editor.problem) if editor.problem else {},
        tried=editor.tried,
        changes=editor.changes,
    )


def _changed(
    connection: Connection,
    access: Access,
    editor: TargetEditor,
    controls: list[view.Control],
    fields: dict[str, Any],
    now: datetime,
) -> None:
    assert editor.listed is not None
    saved = store.lock_target(connection, access, editor.listed.target.uuid)
    wanted = view.wanted_values(editor.form, editor.listed, controls)
    require_unedited(editor.form.get(LOADED), view.saved_values(saved, controls), wanted)
    store.write_target(connection, access, editor.listed.target.uuid, fields, now)


def _created(
    connection: Connection, access: Access, form: Form, body: CreateTarget, new: NewTarget, now: datetime
) -> str:
    def create() -> str:
        owner = access_to_owner(connection, access, body.bot_key, body.heartbeat_key)
        return store_target(connection, owner, body, new, now).target.uuid

    return make_once(connection, access, form, now, create)
