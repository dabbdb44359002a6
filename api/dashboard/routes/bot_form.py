"""The form of a bot: make one, change one."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.bot_form import NEW, form_of, values_of
from api.dashboard.forms import Form, field_errors, read_form, validated
from api.dashboard.pages import PageRoute, Visitor, VisitorDep, html
from api.dashboard.views.heartbeat_form import model_options
from api.schemas.bots import CreateBot
from heartbeat.agents.model_offers import ModelOffer, offered_models
from heartbeat.domain.errors import ProductError
from heartbeat.store.bots import bots as store
from heartbeat.store.bots.bots import BotChange
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
    bot = await visitor.write(store.create_bot, fields, visitor.now())
    return RedirectResponse(f"/bots/{bot.uuid}?done=created", 303)


@router.get("/{uuid}/edit")
async def edit_page(uuid: str, visitor: VisitorDep) -> Response:
    """The form of a bot as it is."""
    bot = (await visitor.read(access_to_bot, uuid)).bot
    offers = await asyncio.to_thread(offered_models, visitor.stack.settings)
    return await _show(visitor, BotEditor(form_of(bot, offers), bot), offers)


@router.post("/{uuid}/edit")
async def edit(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Change a bot as its form asks for, or say what is wrong with it."""
    form, access = await read_form(request), await visitor.read(access_to_bot, uuid)
    try:
        # A form has every field, so that an empty name is one, and not left out as in an update of the API.
        body = validated(CreateBot, {"project_id": access.project.uuid, **values_of(form)})
    except ProductError as problem:
        return await _show(visitor, _refused(BotEditor(form, access.bot), problem))
    fields = {**body.fields(), "max_reply_tokens": body.max_reply_tokens}
    change = await visitor.write(_changed, uuid, fields, body.attributes(), visitor.now())
    await visitor.stack.schedules.sync_all(change.heartbeats)
    return RedirectResponse(f"/bots/{uuid}?done=saved", 303)


def _changed(
    connection: Connection,
    access: Access,
    uuid: str,
    fields: dict[str, Any],
    attributes: dict[str, Any],
    now: datetime,
) -> BotChange:
    return store.update_bot(connection, access_to_bot(connection, access, uuid), fields, attributes, now)


def _refused(editor: BotEditor, problem: ProductError) -> BotEditor:
    errors = field_errors(problem)
    if "model" in errors and editor.form.get("model_other"):
        errors["model_other"] = errors.pop("model")
    return replace(editor, errors=errors, status=problem.status)


async def _show(visitor: Visitor, editor: BotEditor, offers: list[ModelOffer] | None = None) -> Response:
    settings = visitor.stack.settings
    frame = await visitor.frame()
    if offers is None:
        offers = await asyncio.to_thread(offered_models, settings)
    return html(
        "bot_form",
        editor.status,
        frame=frame,
        bot=editor.bot,
        form=editor.form,
        errors=editor.errors,
        models=model_options(offers),
        max_reply_tokens=settings.max_reply_tokens,
    )
