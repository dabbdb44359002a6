"""Subscribers: list, create, delete."""

from typing import Annotated

from fastapi import APIRouter

from api.deps import CallerDep, query_params
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
from heartbeat.store.database.pages import Page

router = APIRouter(prefix="/v1/bot/subscriber", tags=["Subscribers"], strict_content_type=False)


@router.get("/readall", **call(AllSubscribers, query=ListSubscribers))
async def readall(query: Annotated[ListSubscribers, query_params(ListSubscribers)], caller: CallerDep) -> ApiResponse:
    """List a project's subscribers, bot by bot."""
    page = Page(query.page, query.per_page)
    subscribers, total = await caller.read(query, store.subscribers, page)
    objects = [show_subscriber(subscriber) for subscriber in subscribers]
    return ApiResponse({"total": total, "subscribers": objects, "pagination": pagination(page, total)})


@router.post("/create", **call(OneSubscriber))
async def create(body: CreateSubscriber, caller: CallerDep) -> ApiResponse:
    """Add a subscriber to a bot."""
    subscriber = await caller.write(body, store.create_subscriber, body.email, body.name, caller.now())
    return ApiResponse({"subscriber": show_subscriber(subscriber)})


@router.delete("/delete", **call(Success, query=OfSubscriber))
async def delete(query: Annotated[OfSubscriber, query_params(OfSubscriber)], caller: CallerDep) -> ApiResponse:
    """Delete a subscriber with the heartbeats that belong to it."""
    heartbeats = await caller.write(query, store.delete_subscriber, query.member_id, caller.now())
    await caller.stack.schedules.sync_all(heartbeats)
    return ApiResponse({"success": True, "message": f"Subscriber {query.member_id} was deleted."})
