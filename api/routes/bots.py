"""Bots: create, read, list, change, reset, delete."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import AllBots, CreateBot, ListBots, OneBot, Success, UpdateBot, UpdatedBot, show_bot
from api.schemas.fields import OfBot
from api.schemas.pages import pagination
from heartbeat.store.bots import bots as store
from heartbeat.store.memory.memory import forget_all
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot

router = APIRouter(prefix="/v1/bot", tags=["Bots"])


@router.post("/create", **call(OneBot))
async def create(given: CreateBot, asking: CallerDep) -> ApiResponse:
    """Create a bot."""
    fields = {**given.fields(), "attributes": given.attributes()}
    bot = await asking.write(
        given, lambda connection, found: store.create_bot(connection, found.project, fields, utc_now())
    )
    return ApiResponse({"bot": show_bot(bot, asking.stack.settings)})


@router.get("/read", **call(OneBot, query=OfBot))
async def read(asking: Annotated[QueryCaller[OfBot], in_query(OfBot)]) -> ApiResponse:
    """Read one bot."""
    bot = await asking.read_inline(asking.given, lambda _, found: found.bot)
    return ApiResponse({"bot": show_bot(bot, asking.stack.settings)})


@router.get("/readall", **call(AllBots, query=ListBots))
async def readall(asking: Annotated[QueryCaller[ListBots], in_query(ListBots)]) -> ApiResponse:
    """List a project's bots, oldest first."""
    given = asking.given
    page = Page(given.page, given.per_page)
    bots, total = await asking.read(given, lambda connection, found: store.bots(connection, found.project, page))
    shown = [show_bot(bot, asking.stack.settings) for bot in bots]
    return ApiResponse({"total": total, "bots": shown, "pagination": pagination(page, total)})


@router.put("/update", **call(UpdatedBot))
async def update(given: UpdateBot, asking: CallerDep) -> ApiResponse:
    """Change what is given of a bot. Its `heartbeat` flag pauses and resumes the bot's heartbeats."""
    fields, attributes = given.fields(), given.attributes()
    changed = await asking.write(
        given, lambda connection, found: store.update_bot(connection, found.bot, fields, attributes, utc_now())
    )
    await asking.stack.schedules.sync_all(changed.heartbeats)
    bot = show_bot(changed.bot, asking.stack.settings)
    touched = {name: bot[name] for name in ("id", "updated_at", *fields, *attributes)}
    return ApiResponse({**touched, "bot": bot})


@router.post("/reset", **call(Success))
async def reset(given: OfBot, asking: CallerDep) -> ApiResponse:
    """Forget everything that a bot and its members remember."""
    bot, memories = await asking.write(given, lambda connection, found: (found.bot, forget_all(connection, found.bot)))
    return ApiResponse(
        {"success": True, "message": f"Bot {bot.uuid} was reset: {memories} of its memories were deleted."}
    )


@router.delete("/delete", **call(Success, query=OfBot))
async def delete(asking: Annotated[QueryCaller[OfBot], in_query(OfBot)]) -> ApiResponse:
    """Delete a bot with its heartbeats, their schedules and its tools. Logs stay."""

    def work(connection: Connection, found: Access) -> tuple[Bot, list[str]]:
        changed = store.delete_bot(connection, found.bot, utc_now())
        return changed.bot, changed.heartbeats

    bot, heartbeats = await asking.write(asking.given, work)
    await asking.stack.schedules.sync_all(heartbeats)
    return ApiResponse({"success": True, "message": f"Bot {bot.uuid} was deleted with its heartbeats."})
