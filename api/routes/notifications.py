"""Notifications: targets, what each was told, and a message to try one."""

from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, QueryCaller, in_query, utc_now
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
    check_of_member,
    show_notification,
    show_target,
)
from api.schemas.pages import pagination
from heartbeat.domain.errors import Invalid
from heartbeat.domain.ids import new_id
from heartbeat.notifications.delivery import opened, sealed, try_out
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications import targets as store
from heartbeat.store.notifications.targets import ListedTarget
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber

router = APIRouter(prefix="/v1/bot/notification", tags=["Notifications"])
WHENCE = "by POST /v1/bot/notification/test"


@router.post("/target/create", **call(OneTarget))
async def create(given: CreateTarget, asking: CallerDep) -> ApiResponse:
    """Add a place for messages of a project, a bot, a heartbeat or a subscriber to go to."""
    # Loaded by who needs it: the channels speak HTTP and mail, which most API processes never do.
    from heartbeat.notifications.channels.registry import check_available, read_config

    settings, uuid = asking.stack.settings, new_id("tgt")
    await asking.admit(given.project_id)
    given.check()
    shown, secret = read_config(given.channel, given.config, settings.egress_allow)
    check_available(given.channel, shown, settings)
    made_up = {name: value for name, value in secret.items() if name not in given.config}
    if made_up and asking.claim is not None:
        raise Invalid("config", f"give {', '.join(made_up)}, too: with an Idempotency-Key the answer would be kept")
    fields = {
        "uuid": uuid,
        "channel": given.channel,
        "name": given.name or given.channel,
        "config": shown,
        "sealed_config": sealed(Keyring.from_settings(settings), uuid, secret),
        "events": given.events,
        "cooldown_seconds": given.cooldown_seconds,
        "is_enabled": given.is_enabled,
    }

    def work(connection: Connection, found: Access) -> ListedTarget:
        whose = _whose(connection, given, found)
        return store.create_target(connection, found.project, fields | whose, utc_now())

    return ApiResponse({"target": show_target(await asking.write(given, work)), "made_up": made_up})


def _whose(connection: Connection, given: CreateTarget, found: Access) -> dict[str, Any]:
    return {
        "bot_id": found.bot.id if given.bot_id else None,
        "heartbeat_id": found.heartbeat.id if given.heartbeat_id else None,
        "member_id": subscriber(connection, found.bot, given.member_id).id if given.member_id else None,
    }


@router.get("/target/readall", **call(AllTargets, query=ListTargets))
async def readall_targets(asking: Annotated[QueryCaller[ListTargets], in_query(ListTargets)]) -> ApiResponse:
    """List a project's targets, or those that hear of one bot."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[ListedTarget], int]:
        return store.targets(connection, found.project, found.bot if given.bot_id else None, page)

    listed, total = await asking.read(given, work)
    shown = [show_target(one) for one in listed]
    return ApiResponse({"total": total, "targets": shown, "pagination": pagination(page, total)})


@router.put("/target/update", **call(OneTarget))
async def update(given: UpdateTarget, asking: CallerDep) -> ApiResponse:
    """Change what is given of a target. Enabling it has messages sent there again."""
    settings = asking.stack.settings
    old = await asking.read_inline(
        given, lambda connection, found: store.target(connection, found.project, given.target_id)
    )
    fields = given.fields()
    if old.member is not None:
        check_of_member(given.events)
    if given.config is not None:
        from heartbeat.notifications.channels.registry import change_config, check_available

        keyring, row = Keyring.from_settings(settings), old.target
        kept = opened(keyring, row)
        shown, secret = change_config(row.channel, row.config, kept, given.config, settings.egress_allow)
        check_available(row.channel, shown, settings)
        fields |= {"config": shown, "sealed_config": sealed(keyring, row.uuid, secret)}

    def work(connection: Connection, found: Access) -> ListedTarget:
        return store.write_target(connection, found.project, given.target_id, fields, utc_now())

    return ApiResponse({"target": show_target(await asking.write(given, work)), "made_up": {}})


@router.delete("/target/delete", **call(Success, query=OfTarget))
async def delete(asking: Annotated[QueryCaller[OfTarget], in_query(OfTarget)]) -> ApiResponse:
    """Send nothing there any more."""
    given = asking.given

    def work(connection: Connection, found: Access) -> None:
        store.delete_target(connection, found.project, given.target_id, utc_now())

    await asking.write(given, work)
    return ApiResponse({"success": True, "message": f"Target {given.target_id} was deleted."})


@router.get("/readall", **call(AllNotifications, query=ListNotifications))
async def readall(asking: Annotated[QueryCaller[ListNotifications], in_query(ListNotifications)]) -> ApiResponse:
    """List a project's or one bot's notifications, newest first, each with what became of it."""
    given = asking.given
    page = Page(given.page, given.per_page)

    def work(connection: Connection, found: Access) -> tuple[list[store.ListedNotification], int]:
        bot = found.bot if given.bot_id else None
        return store.notifications(connection, found.project, bot, given.equal(), page)

    told, total = await asking.read(given, work)
    shown = [show_notification(one) for one in told]
    return ApiResponse({"total": total, "notifications": shown, "pagination": pagination(page, total)})


@router.post("/test", **call(TargetTried))
async def test(given: OfTarget, asking: CallerDep) -> ApiResponse:
    """Send one message now and say what came of it. Nothing is stored, and a target that is disabled stays so."""
    settings = asking.stack.settings
    listed = await asking.read(
        given, lambda connection, found: store.target(connection, found.project, given.target_id)
    )
    outcome = await try_out(listed.target, Keyring.from_settings(settings), settings, WHENCE)
    words = outcome.error or f"{listed.target.channel} took the message."
    return ApiResponse({"success": outcome.error is None, "message": words})
