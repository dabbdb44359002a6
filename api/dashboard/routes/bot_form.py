"""The form of a bot: make one, change one."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.bot_form import FIELDS, NEW, form_of, saved_values, values_of
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
from api.dashboard.views.heartbeat_form import model_options
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.bots import CreateBot
from heartbeat.agents.model_offers import ModelOffer, offered_models
from heartbeat.domain.errors import Forbidden, NotFound, ProductError
from heartbeat.store.bots import bots as store
from heartbeat.store.bots.bots import BotChange
from heartbeat.store.heartbeats.heartbeats import lock_bot
from heartbeat.store.heartbeats.plan_limits import MODEL_NOT_ALLOWED
from heartbeat.store.overview.projects import access_to_bot
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot

router = APIRouter(prefix="/bots", route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True)
class BotEditor:
    """The form as it is to be shown; `bot` is the one that is changed, `None` for a new one."""

    form: Form
    bot: Bot | None = None
    errors: dict[str, str] = field(default_factory=dict)
    changes: tuple[FieldChange, ...] = ()
    status: int = 200


@router.get("/new")
async def new_page(visitor: VisitorDep) -> Response:
    """The form of a new bot."""
    return await _show(visitor, BotEditor(NEW))


@router.post("/new")
async def make(request: Request, visitor: VisitorDep) -> Response:
    """Make the bot that the form asks for, or say what is wrong with it."""
    form = await read_form(request)
    project = (await visitor.access()).project
    try:
        body = validated(CreateBot, {"project_id": project.uuid, **values_of(form)})
    except ProductError as problem:
        return await _show(visitor, _refused(BotEditor(form), problem))
    fields = {**body.fields(), "attributes": body.attributes()}
    try:
        uuid = await visitor.write(_made, form, fields, visitor.now())
    except Forbidden as problem:
        return await _show(visitor, _refused(BotEditor(form), problem))
    return RedirectResponse(f"/bots/{uuid}?done=created", 303)


def _made(connection: Connection, access: Access, form: Form, fields: dict[str, Any], now: datetime) -> str:
    return make_once(connection, access, form, now, lambda: store.create_bot(connection, access, fields, now).uuid)


@router.get("/{uuid}/edit")
async def edit_page(uuid: str, visitor: VisitorDep) -> Response:
    """The form of a bot as it is."""
    access = await visitor.read(access_to_bot, uuid)
    offers = await asyncio.to_thread(offered_models, visitor.stack.settings, access.plan)
    return await _show(visitor, BotEditor(form_of(access.bot, offers), access.bot), offers)


@router.post("/{uuid}/edit")
async def edit(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Change a bot as its form asks for, or say what is wrong with it."""
    form = await read_form(request)
    try:
        access = await visitor.read(access_to_bot, uuid)
    except NotFound as problem:
        return await _show(visitor, _refused(BotEditor(form), problem))
    if form.get("do") == THEIRS:
        return await _take_theirs(visitor, form, access)
    try:
        # A form has every field, so that an empty name is one, and not left out as in an update of the API.
        body = validated(CreateBot, {"project_id": access.project.uuid, **values_of(form)})
        change = await visitor.write(_changed, uuid, body, form, visitor.now())
    except EditedMeanwhile as problem:
        editor = BotEditor(with_changes(form, problem), access.bot, changes=field_changes(problem, FIELDS))
        return await _show(visitor, replace(editor, status=problem.status))
    except ProductError as problem:
        return await _show(visitor, _refused(BotEditor(form, access.bot), refusal(problem)))
    await visitor.stack.schedules.sync_all(change.heartbeats)
    return RedirectResponse(f"/bots/{uuid}?done=saved", 303)


def _changed(
    connection: Connection, access: Access, uuid: str, body: CreateBot, form: Form, now: datetime
) -> BotChange:
    access = access_to_bot(connection, access, uuid)
    bot = lock_bot(connection, access.bot)
    require_unedited(form.get(LOADED), saved_values(bot), values_of(form))
    fields = {**body.fields(), "max_reply_tokens": body.max_reply_tokens, "credit_budget": body.credit_budget}
    return store.update_bot(connection, access, fields, body.attributes(), now)


async def _take_theirs(visitor: Visitor, form: Form, access: Access) -> Response:
    offers = await asyncio.to_thread(offered_models, visitor.stack.settings, access.plan)
    theirs = form_of(access.bot, offers)
    return await _show(visitor, BotEditor(with_theirs(form, theirs, FIELDS), access.bot), offers)


def _refused(editor: BotEditor, problem: ProductError) -> BotEditor:
    """Say what is wrong; the form of a bot that is gone becomes that of a new one."""
    if problem.code == "bot_not_found":
        gone = _("This bot was deleted meanwhile. What you typed is still here; saving it makes a new one.")
        return BotEditor(as_new(editor.form), errors={"": gone}, status=problem.status)
    errors = field_errors(problem) if problem.code != MODEL_NOT_ALLOWED else {"model": problem.message}
    if "model" in errors and editor.form.get("model_other"):
        errors["model_other"] = errors.pop("model")
    return replace(editor, errors=errors, status=problem.status)


async def _show(visitor: Visitor, editor: BotEditor, offers: list[ModelOffer] | None = None) -> Response:
    settings = visitor.stack.settings
    frame = await visitor.frame()
    if offers is None:
        offers = await asyncio.to_thread(offered_models, settings, settings.plan(frame.project.plan))
    return html(
        "bot_form",
        editor.status,
        frame=frame,
        bot=editor.bot,
        form=editor.form,
        errors=editor.errors,
        changes=editor.changes,
        models=model_options(offers),
        max_reply_tokens=settings.max_reply_tokens,
    )
