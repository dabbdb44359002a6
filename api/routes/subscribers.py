"""Subscribers: list, create, delete."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.answers import Answer
from api.deps import Asking, Query, in_query, utc_now
from api.following import follow_all
from api.openapi import call
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
from heartbeat.store import subscribers as store
from heartbeat.store.access import Access
from heartbeat.store.pages import Page
from heartbeat.store.tables import Subscriber

router = APIRouter(prefix="/v1/bot/subscriber", tags=["Subscribers"])


@router.get("/readall", **call(AllSubscribers, query=ListSubscribers))
async def readall(asking: Annotated[Query[ListSubscribers], in_query(ListSubscribers)]) -> Answer:
    """List a project's subscribers, bot by bot."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[Subscriber], int]:
        return store.subscribers(connection, found.project, found.bot if given.bot_id else None, page)

    members, total = await asking.read(given, work)
    shown = [show_subscriber(member) for member in members]
    return Answer({"total": total, "subscribers": shown, "pagination": pagination(page, total)})


@router.post("/create", **call(OneSubscriber))
async def create(given: CreateSubscriber, asking: Asking) -> Answer:
    """Add a subscriber to a bot."""

    def work(connection: Connection, found: Access) -> Subscriber:
        given.check()
        return store.create_subscriber(connection, found.bot, given.email, given.name, utc_now())

    return Answer({"subscriber": show_subscriber(await asking.write(given, work))})


@router.delete("/delete", **call(Success, query=OfSubscriber))
async def delete(asking: Annotated[Query[OfSubscriber], in_query(OfSubscriber)]) -> Answer:
    """Delete a subscriber with the heartbeats that belong to it."""
    given = asking.given

    def work(connection: Connection, found: Access) -> list[str]:
        return store.delete_subscriber(connection, found.bot, given.member_id, utc_now())

    await follow_all(asking.stack.schedules, await asking.write(given, work))
    return Answer({"success": True, "message": f"Subscriber {given.member_id} was deleted."})
