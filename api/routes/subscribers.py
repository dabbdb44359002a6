"""Subscribers: list, create, delete."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import Success
from api.schemas.pages import pagination
from api.schemas.subscribers import (
    AllSubscribers,
    CreateSubscriber,
    ListSubscribers,
    OfSubscriber,
    OneSubscriber,
    show_subscriber,
)
from heartbeat.store.bots import subscribers as store
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Subscriber

router = APIRouter(prefix="/v1/bot/subscriber", tags=["Subscribers"])


@router.get("/readall", **call(AllSubscribers, query=ListSubscribers))
async def readall(asking: Annotated[QueryCaller[ListSubscribers], in_query(ListSubscribers)]) -> ApiResponse:
    """List a project's subscribers, bot by bot."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[Subscriber], int]:
        return store.subscribers(connection, found.project, found.bot if given.bot_id else None, page)

    members, total = await asking.read(given, work)
    shown = [show_subscriber(member) for member in members]
    return ApiResponse({"total": total, "subscribers": shown, "pagination": pagination(page, total)})


@router.post("/create", **call(OneSubscriber))
async def create(given: CreateSubscriber, asking: CallerDep) -> ApiResponse:
    """Add a subscriber to a bot."""

    def work(connection: Connection, found: Access) -> Subscriber:
        given.check()
        return store.create_subscriber(connection, found.bot, given.email, given.name, utc_now())

    return ApiResponse({"subscriber": show_subscriber(await asking.write(given, work))})


@router.delete("/delete", **call(Success, query=OfSubscriber))
async def delete(asking: Annotated[QueryCaller[OfSubscriber], in_query(OfSubscriber)]) -> ApiResponse:
    """Delete a subscriber with the heartbeats that belong to it."""
    given = asking.given

    def work(connection: Connection, found: Access) -> list[str]:
        return store.delete_subscriber(connection, found.bot, given.member_id, utc_now())

    await asking.stack.schedules.sync_all(await asking.write(given, work))
    return ApiResponse({"success": True, "message": f"Subscriber {given.member_id} was deleted."})
