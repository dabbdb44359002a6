"""Bots: create, read, list, change, reset, delete."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import AllBots, CreateBot, ListBots, OneBot, Success, UpdateBot, UpdatedBot, show_bot
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from heartbeat.store.bots import bots as store
from heartbeat.store.database.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot

router = APIRouter(prefix="/v1/bot", tags=["Bots"], strict_content_type=False)


@router.post("/create", **call(OneBot))
async def create(body: CreateBot, caller: CallerDep) -> ApiResponse:
    """Create a bot."""
    fields = {**body.fields(), "attributes": body.attributes()}
    bot = await caller.write(body, store.create_bot, fields, caller.now())
    return ApiResponse({"bot": show_bot(bot, caller.stack.settings)})


@router.get("/read", **call(OneBot, query=OfBot))
async def read(query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """Read one bot."""
    access = await caller.access(query)
    return ApiResponse({"bot": show_bot(access.bot, caller.stack.settings)})


@router.get("/readall", **call(AllBots, query=ListBots))
async def readall(query: Annotated[ListBots, query_params(ListBots)], caller: CallerDep) -> ApiResponse:
    """List a project's bots, oldest first."""
    page = Page(query.page, query.per_page)
    bots, total = await caller.read(query, store.bots, page)
    objects = [show_bot(bot, caller.stack.settings) for bot in bots]
    return ApiResponse({"total": total, "bots": objects, "pagination": pagination(page, total)})


@router.put("/update", **call(UpdatedBot))
async def update(body: UpdateBot, caller: CallerDep) -> ApiResponse:
    """Change the fields of a bot that are sent. Its `heartbeat` flag pauses and resumes the bot's heartbeats."""
    fields, attributes = body.fields(), body.attributes()
    change = await caller.write(body, store.update_bot, fields, attributes, caller.now())
    await caller.stack.schedules.sync_all(change.heartbeats)
    bot = show_bot(change.bot, caller.stack.settings)
    touched = {name: bot[name] for name in ("id", "updated_at", *fields, *attributes)}
    return ApiResponse({**touched, "bot": bot})


@router.post("/reset", **call(Success))
async def reset(body: OfBot, caller: CallerDep) -> ApiResponse:
    """Forget everything that a bot and its members remember."""
    bot, memories = await caller.write(body, _reset)
    message = f"Bot {bot.uuid} was reset: {memories} of its memories were deleted."
    return ApiResponse({"success": True, "message": message})


def _reset(connection: Connection, access: Access) -> tuple[Bot, int]:
    return access.bot, store.reset_bot(connection, access)


@router.delete("/delete", **call(Success, query=OfBot))
async def delete(query: Annotated[OfBot, query_params(OfBot)], caller: CallerDep) -> ApiResponse:
    """Delete a bot with its heartbeats, their schedules and its tools. Logs stay."""
    change = await caller.write(query, store.delete_bot, caller.now())
    await caller.stack.schedules.sync_all(change.heartbeats)
    return ApiResponse({"success": True, "message": f"Bot {change.bot.uuid} was deleted with its heartbeats."})
