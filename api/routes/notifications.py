"""Notifications: targets, what each was told, and a message to try one."""

from typing import Annotated

from fastapi import APIRouter

from api.deps import CallerDep, query_params
from api.notification_targets import new_target, store_target, target_changes
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import Success
from api.schemas.notifications import (
    AllNotifications,
    AllTargets,
    CreateTarget,
    ListNotifications,
    ListTargets,
    OfTarget,
    OneTarget,
    TargetTried,
    UpdateTarget,
    show_notification,
    show_target,
)
from api.schemas.pages import pagination
from heartbeat.domain.errors import Invalid
from heartbeat.notifications.delivery import send_test_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.database.pages import Page
from heartbeat.store.notifications import targets as store
from heartbeat.store.notifications.messages import notifications

router = APIRouter(prefix="/v1/bot/notification", tags=["Notifications"], strict_content_type=False)
WHENCE = "by POST /v1/bot/notification/test"


@router.post("/target/create", **call(OneTarget))
async def create(body: CreateTarget, caller: CallerDep) -> ApiResponse:
    """Create a notification target: where messages of a project, a bot, a heartbeat or a subscriber go."""
    await caller.access(body)
    new = new_target(body, caller.stack.settings)
    if new.made_up and caller.claim is not None:
        names = ", ".join(new.made_up)
        raise Invalid("config", f"give {names}, too: with an Idempotency-Key the answer would be kept")
    target = await caller.write(body, store_target, body, new, caller.now())
    return ApiResponse({"target": show_target(target), "made_up": new.made_up})


@router.get("/target/readall", **call(AllTargets, query=ListTargets))
async def readall_targets(query: Annotated[ListTargets, query_params(ListTargets)], caller: CallerDep) -> ApiResponse:
    """List a project's notification targets, or those that hear of one bot."""
    page = Page(query.page, query.per_page)
    targets, total = await caller.read(query, store.targets, page)
    objects = [show_target(target) for target in targets]
    return ApiResponse({"total": total, "targets": objects, "pagination": pagination(page, total)})


@router.put("/target/update", **call(OneTarget))
async def update(body: UpdateTarget, caller: CallerDep) -> ApiResponse:
    """Change the fields of a notification target that are sent. Enabling it has messages sent there again."""
    before = await caller.read_inline(body, store.target, body.target_id)
    fields = target_changes(body, before, caller.stack.settings)
    target = await caller.write(body, store.write_target, body.target_id, fields, caller.now())
    return ApiResponse({"target": show_target(target), "made_up": {}})


@router.delete("/target/delete", **call(Success, query=OfTarget))
async def delete(query: Annotated[OfTarget, query_params(OfTarget)], caller: CallerDep) -> ApiResponse:
    """Delete a notification target: nothing is sent there any more."""
    await caller.write(query, store.delete_target, query.target_id, caller.now())
    return ApiResponse({"success": True, "message": f"Target {query.target_id} was deleted."})


@router.get("/readall", **call(AllNotifications, query=ListNotifications))
async def readall(
    query: Annotated[ListNotifications, query_params(ListNotifications)], caller: CallerDep
) -> ApiResponse:
    """List a project's or one bot's notifications, newest first, each with its delivery."""
    page = Page(query.page, query.per_page)
    listed, total = await caller.read(query, notifications, query.equal(), page)
    objects = [show_notification(notification) for notification in listed]
    return ApiResponse({"total": total, "notifications": objects, "pagination": pagination(page, total)})


@router.post("/test", **call(TargetTried))
async def test(body: OfTarget, caller: CallerDep) -> ApiResponse:
    """Send one message to a target now, and say what came of it.

    It is no notification, and a target that is disabled stays so. When the receiver says that its address is another
    now, as a Telegram group does that became a supergroup, the target keeps that.
    """
    settings = caller.stack.settings
    target = (await caller.read(body, store.target, body.target_id)).target
    outcome = await send_test_message(target, Keyring.from_settings(settings), settings, WHENCE, caller.now())
    words = outcome.error or f"{target.channel} took the message."
    if outcome.config_changes:
        await caller.write(body, store.follow_receiver, target.uuid, outcome.config_changes, caller.now())
        new_values = ", ".join(f"{name} {new}" for name, (_, new) in outcome.config_changes.items())
        words += f" The target has another address now: {new_values}."
    return ApiResponse({"success": outcome.error is None, "message": words})
