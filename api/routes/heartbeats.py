"""Heartbeats: configure, list, read, switch on and off, delete."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from api.call_route import CallRoute
from api.deps import AccessQuery, Caller, CallerDep, P, caller_of, query_of, query_params
from api.gates import checked_headers
from api.openapi import call
from api.parked_runs import LIMITS, wake_payable
from api.responses import ApiResponse
from api.schemas.fields import OfBot, OfHeartbeat
from api.schemas.heartbeats import (
    AllHeartbeats,
    Configure,
    ConfiguredHeartbeat,
    Deleted,
    ListHeartbeats,
    OneHeartbeat,
    show,
    show_all,
)
from api.schemas.pages import pagination
from api.schemas.snoozes import Snooze
from heartbeat.settings import Settings
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats import configure as configuring
from heartbeat.store.heartbeats import heartbeats as store
from heartbeat.store.heartbeats import snoozes
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids, subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"], strict_content_type=False, route_class=CallRoute)

# No published plan allows as many heartbeats a bot; a longer list is written in parts.
BATCH_SIZE = 100


@router.get("/read", **call(OneHeartbeat, query=OfHeartbeat))
async def read(request: Request) -> ApiResponse:
    """Read one heartbeat."""
    # The most frequent call, which `CallRoute` makes without looking for dependencies.
    query, caller = query_of(request, OfHeartbeat), caller_of(request)
    return ApiResponse({"heartbeat": await caller.read_inline(query, _named, caller.stack.settings, caller.now())})


@router.get("/readall", **call(AllHeartbeats, query=ListHeartbeats))
async def readall(query: Annotated[ListHeartbeats, query_params(ListHeartbeats)], caller: CallerDep) -> Response:
    """List a bot's heartbeats, oldest first: all of them, or a page."""
    page = query.asked_page()
    if page:
        return ApiResponse(
            await caller.read(query, _page_of_bot, query.member_id, page, caller.stack.settings, caller.now())
        )
    batch, last_id = await caller.read(query, _of_bot, query.member_id, 0, caller.stack.settings, caller.now())
    if last_id is None:
        return ApiResponse({"heartbeats": batch})
    return StreamingResponse(_all_of_bot(caller, query, batch, last_id), media_type=ApiResponse.media_type)


@router.post("/configure", **call(ConfiguredHeartbeat))
async def configure(body: Configure, caller: CallerDep) -> ApiResponse:
    """Create a heartbeat, or change the one that is meant: by `uuid`, else `external_id`, else member and prompt."""
    request = replace(body.configure_request(), gate_headers=checked_headers(body.gate, caller.stack.settings))
    heartbeat, shown = await _change(caller, body, configuring.configure, request, caller.now())
    if LIMITS & request.fields.keys():
        await wake_payable(caller.stack, heartbeat)
    return ApiResponse({"heartbeat": shown, "warnings": cadence_of(heartbeat).warnings()})


@router.post("/enable", **call(OneHeartbeat))
async def enable(body: OfHeartbeat, caller: CallerDep) -> ApiResponse:
    """Let a heartbeat run on its schedule; lifts a pause and starts its count of failures anew."""
    _, shown = await _change(caller, body, store.enable, caller.now())
    return ApiResponse({"heartbeat": shown})


@router.post("/disable", **call(OneHeartbeat))
async def disable(body: OfHeartbeat, caller: CallerDep) -> ApiResponse:
    """Stop a heartbeat without deleting it."""
    _, shown = await _change(caller, body, store.disable, caller.now())
    return ApiResponse({"heartbeat": shown})


@router.post("/snooze", **call(OneHeartbeat))
async def snooze(body: Snooze, caller: CallerDep) -> ApiResponse:
    """Hold the ticks of a heartbeat until a time. It stays enabled, and each of them has its log."""
    _, shown = await _change(caller, body, snoozes.snooze, body.until, caller.now())
    return ApiResponse({"heartbeat": shown})


@router.post("/unsnooze", **call(OneHeartbeat))
async def unsnooze(body: OfHeartbeat, caller: CallerDep) -> ApiResponse:
    """Let the ticks of a heartbeat run again before its snooze is over."""
    _, shown = await _change(caller, body, snoozes.unsnooze, caller.now())
    return ApiResponse({"heartbeat": shown})


@router.delete("/delete", **call(Deleted, query=OfHeartbeat))
async def delete(query: Annotated[OfHeartbeat, query_params(OfHeartbeat)], caller: CallerDep) -> ApiResponse:
    """Delete a heartbeat and its schedule. Its logs stay."""
    await caller.stack.schedules.sync_all(await caller.write(query, store.delete_heartbeat, caller.now()))
    return ApiResponse({"message": f"Heartbeat {query.heartbeat_id} was deleted."})


async def _change(
    caller: Caller, ids: OfBot, change: AccessQuery[P, Heartbeat], *args: P.args, **kwargs: P.kwargs
) -> tuple[Heartbeat, dict[str, Any]]:
    """Run `change(connection, access, …)`, sync the schedule, and return the heartbeat as it is then and is shown."""
    access, heartbeat, member_uuid = await caller.write(ids, _changed, change, *args, **kwargs)
    heartbeat = await caller.stack.schedules.sync_row(heartbeat, access)
    return heartbeat, show(access, heartbeat, member_uuid, caller.stack.settings, caller.now())


def _changed(
    connection: Connection, access: Access, change: AccessQuery[P, Heartbeat], /, *args: P.args, **kwargs: P.kwargs
) -> tuple[Access, Heartbeat, str | None]:
    heartbeat = change(connection, access, *args, **kwargs)
    return access, heartbeat, member_uuids(connection, [heartbeat]).get(heartbeat.member_id)


def _named(connection: Connection, access: Access, settings: Settings, now: datetime) -> dict[str, Any]:
    return show_all(connection, access, [access.heartbeat], settings, now)[0]


def _page_of_bot(
    connection: Connection, access: Access, member_key: str | None, page: Page, settings: Settings, now: datetime
) -> dict[str, Any]:
    rows, total = store.heartbeats_page(connection, access.bot, _member_id(connection, access, member_key), page)
    return {"heartbeats": show_all(connection, access, rows, settings, now), "pagination": pagination(page, total)}


def _of_bot(
    connection: Connection, access: Access, member_key: str | None, after_id: int, settings: Settings, now: datetime
) -> tuple[list[dict[str, Any]], int | None]:
    """Show the next heartbeats, and return the last one's id if there may be more."""
    member_id = _member_id(connection, access, member_key)
    rows = store.heartbeats(connection, access.bot, member_id, after_id, BATCH_SIZE)
    return show_all(connection, access, rows, settings, now), rows[-1].id if len(rows) == BATCH_SIZE else None


async def _all_of_bot(
    caller: Caller, query: ListHeartbeats, batch: list[dict[str, Any]], last_id: int | None
) -> AsyncIterator[bytes]:
    """Write a long list as it is read: neither all of its rows are held, nor does anybody wait for it."""
    yield b'{"heartbeats":' + ApiResponse(batch).body[:-1]
    while last_id is not None:
        batch, last_id = await caller.read(
            query, _of_bot, query.member_id, last_id, caller.stack.settings, caller.now()
        )
        if batch:
            yield b"," + ApiResponse(batch).body[1:-1]
    yield b"]}"


def _member_id(connection: Connection, access: Access, member_key: str | None) -> int | None:
    return subscriber(connection, access.bot, member_key).id if member_key else None
