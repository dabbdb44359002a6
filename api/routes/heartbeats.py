"""Heartbeats: configure, list, read, switch on and off, delete."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import Caller, CallerDep, QueryCaller, in_query, utc_now
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.fields import OfBot, OfHeartbeat
from api.schemas.heartbeats import AllHeartbeats, Configure, Deleted, ListHeartbeats, OneHeartbeat, show, show_all
from heartbeat.store.heartbeats import heartbeats as store
from heartbeat.store.heartbeats.configure import configure as configure_in_store
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import member_uuids, subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])


@router.get("/read", **call(OneHeartbeat, query=OfHeartbeat))
async def read(asking: Annotated[QueryCaller[OfHeartbeat], in_query(OfHeartbeat)]) -> ApiResponse:
    """Read one heartbeat."""

    def work(connection: Connection, found: Access) -> dict[str, Any]:
        return show_all(connection, found, [found.heartbeat], utc_now())[0]

    return ApiResponse({"heartbeat": await asking.read_inline(asking.given, work)})


@router.get("/readall", **call(AllHeartbeats, query=ListHeartbeats))
async def readall(asking: Annotated[QueryCaller[ListHeartbeats], in_query(ListHeartbeats)]) -> ApiResponse:
    """List a bot's heartbeats, oldest first."""
    given = asking.given

    def work(connection: Connection, found: Access) -> list[dict[str, Any]]:
        member_id = subscriber(connection, found.bot, given.member_id).id if given.member_id else None
        return show_all(connection, found, store.heartbeats(connection, found.bot, member_id), utc_now())

    return ApiResponse({"heartbeats": await asking.read(given, work)})


@router.post("/configure", **call(OneHeartbeat))
async def configure(given: Configure, asking: CallerDep) -> ApiResponse:
    """Create a heartbeat, or change the one that is meant: by `uuid`, else `external_id`, else member and prompt."""

    def work(connection: Connection, found: Access) -> Heartbeat:
        return configure_in_store(connection, found, asking.plan(found), given.configure_request(), utc_now())

    return await _written(asking, given, work)


@router.post("/enable", **call(OneHeartbeat))
async def enable(given: OfHeartbeat, asking: CallerDep) -> ApiResponse:
    """Let a heartbeat run on its schedule; lifts a pause and starts its streak of failures anew."""

    def work(connection: Connection, found: Access) -> Heartbeat:
        return store.enable(connection, found.project, asking.plan(found), found.bot, given.heartbeat_id, utc_now())

    return await _written(asking, given, work)


@router.post("/disable", **call(OneHeartbeat))
async def disable(given: OfHeartbeat, asking: CallerDep) -> ApiResponse:
    """Stop a heartbeat without deleting it."""

    def work(connection: Connection, found: Access) -> Heartbeat:
        return store.disable(connection, found.bot, given.heartbeat_id, utc_now())

    return await _written(asking, given, work)


@router.delete("/delete", **call(Deleted, query=OfHeartbeat))
async def delete(asking: Annotated[QueryCaller[OfHeartbeat], in_query(OfHeartbeat)]) -> ApiResponse:
    """Delete a heartbeat and its schedule. Its logs stay."""
    given = asking.given

    def work(connection: Connection, found: Access) -> list[str]:
        return store.delete_heartbeat(connection, found.bot, given.heartbeat_id, utc_now())

    await asking.stack.schedules.sync_all(await asking.write(given, work))
    return ApiResponse({"message": f"Heartbeat {given.heartbeat_id} was deleted."})


async def _written(asking: Caller, given: OfBot, write: Callable[[Connection, Access], Heartbeat]) -> ApiResponse:
    """Write, have the schedule follow, and show the heartbeat as it is then."""

    def work(connection: Connection, found: Access) -> tuple[Access, Heartbeat, str | None]:
        row = write(connection, found)
        return found, row, member_uuids(connection, [row]).get(row.member_id)

    found, row, member_uuid = await asking.write(given, work)
    followed = await asking.stack.schedules.sync_row(row)
    return ApiResponse({"heartbeat": show(found, followed, member_uuid, utc_now())})
