"""Notifications: targets, what each was told, and a message to try one."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.bots import Success
from api.schemas.notifications import (
    OF_NO_USE,
    AllNotifications,
    AllTargets,
    CreateTarget,
    ListNotifications,
    ListTargets,
    OfTarget,
    OneTarget,
    TargetTried,
    UpdateTarget,
    of_use_to_member,
    show_notification,
    show_target,
)
from api.schemas.pages import pagination
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import is_blank
from heartbeat.domain.ids import new_id
from heartbeat.notifications.delivery import open_config, seal_config, send_test_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications import targets as store
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber

router = APIRouter(prefix="/v1/bot/notification", tags=["Notifications"], strict_content_type=False)
WHENCE = "by POST /v1/bot/notification/test"


@router.post("/target/create", **call(OneTarget))
async def create(body: CreateTarget, caller: CallerDep) -> ApiResponse:
    """Create a notification target: where messages of a project, a bot, a heartbeat or a subscriber go."""
    # Imported by the calls that need it: the channels speak HTTP and mail, which most API processes never do.
    from heartbeat.notifications.channels.registry import check_available, read_config

    settings, uuid = caller.stack.settings, new_id("tgt")
    await caller.access(body)
    config, secrets = read_config(body.channel, body.config, settings.egress_allow)
    check_available(body.channel, config, settings)
    made_up = {name: value for name, value in secrets.items() if is_blank(body.config.get(name) or "")}
    if made_up and caller.claim is not None:
        raise Invalid("config", f"give {', '.join(made_up)}, too: with an Idempotency-Key the answer would be kept")
    fields = {
        "uuid": uuid,
        "channel": body.channel,
        "name": body.name or body.channel,
        "config": config,
        "sealed_config": seal_config(Keyring.from_settings(settings), uuid, secrets),
        "events": body.events,
        "cooldown_seconds": body.cooldown_seconds,
        "is_enabled": body.is_enabled,
    }
    target = await caller.write(body, _created, body.member_id, fields, caller.now())
    return ApiResponse({"target": show_target(target), "made_up": made_up})


def _created(
    connection: Connection, access: Access, member_key: str | None, fields: dict[str, Any], now: datetime
) -> store.ListedTarget:
    owner = {
        "bot_id": access.bot.id if access.bot_key else None,
        "heartbeat_id": access.heartbeat.id if access.heartbeat_key else None,
        "member_id": subscriber(connection, access.bot, member_key).id if member_key else None,
    }
    return store.create_target(connection, access, fields | owner, now)


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
    settings = caller.stack.settings
    before = await caller.read_inline(body, store.target, body.target_id)
    fields = body.fields()
    if before.member_uuid is not None and not of_use_to_member(body.events):
        raise Invalid("events", OF_NO_USE)
    if body.config is not None:
        from heartbeat.notifications.channels.registry import change_config, check_available

        keyring, row = Keyring.from_settings(settings), before.target
        secrets_before = open_config(keyring, row)
        config, secrets = change_config(row.channel, row.config, secrets_before, body.config, settings.egress_allow)
        check_available(row.channel, config, settings)
        fields |= {"config": config, "sealed_config": seal_config(keyring, row.uuid, secrets)}
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
    notifications, total = await caller.read(query, store.notifications, query.equal(), page)
    objects = [show_notification(notification) for notification in notifications]
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
