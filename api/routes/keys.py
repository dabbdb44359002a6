"""Keys of a project: make, list, rotate, revoke."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import Caller, CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.keys import (
    AllKeys,
    CreateKey,
    ListKeys,
    MadeKey,
    OfKey,
    OneKey,
    RotatedKey,
    RotateKey,
    show_key,
)
from api.schemas.pages import pagination
from heartbeat.domain.errors import Invalid
from heartbeat.secrets.key_hashes import KeySecret
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.projects import keys as store
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.key_rights import bots_of_keys, key_rights
from heartbeat.store.projects.projects import create_key

router = APIRouter(prefix="/v1/keys", tags=["Keys"], strict_content_type=False)

KEPT = "leave it out: with it the answer would be kept, and the new key in it"


@router.post("/create", **call(MadeKey))
async def create(body: CreateKey, caller: CallerDep) -> ApiResponse:
    """Make a key. The key itself is in this answer alone: keep it."""
    secret = await _new_secret(caller, body)
    key = await caller.write(body, _create, body, secret, caller.now())
    return ApiResponse({"key": key})


@router.get("/readall", **call(AllKeys, query=ListKeys))
async def readall(query: Annotated[ListKeys, query_params(ListKeys)], caller: CallerDep) -> ApiResponse:
    """List a project's keys, those that are over too."""
    page = Page(query.page, query.per_page)
    keys, total = await caller.read(query, _keys, caller.now(), page)
    return ApiResponse({"total": total, "keys": keys, "pagination": pagination(page, total)})


@router.post("/rotate", **call(RotatedKey))
async def rotate(body: RotateKey, caller: CallerDep) -> ApiResponse:
    """Make a key that may do the same as another, which ends after a while: until then both work."""
    secret = await _new_secret(caller, body)
    return ApiResponse(await caller.write(body, _rotate, body, secret, caller.now()))


@router.post("/revoke", **call(OneKey))
async def revoke(body: OfKey, caller: CallerDep) -> ApiResponse:
    """Revoke a key: it opens nothing any more, and every session that was begun with it ends. Twice is a success."""
    return ApiResponse({"key": await caller.write(body, _revoke, body.key_id, caller.now())})


async def _new_secret(caller: Caller, body: CreateKey | RotateKey) -> KeySecret:
    await caller.access(body)
    if caller.claim is not None:
        raise Invalid("Idempotency-Key", KEPT)
    return caller.stack.key_hashes.make()


def _create(
    connection: Connection, access: Access, body: CreateKey, secret: KeySecret, now: datetime
) -> dict[str, Any]:
    rights = key_rights(connection, access.project, body.rights(), now)
    new = create_key(connection, access.project, body.name, now, secret=secret, rights=rights)
    return {**_shown(connection, access, new.uuid, now), "secret": new.secret}


def _keys(connection: Connection, access: Access, now: datetime, page: Page) -> tuple[list[dict[str, Any]], int]:
    keys, total = store.key_page(connection, access.project, ListFilter(), now, page)
    bots = bots_of_keys(connection, keys)
    return [show_key(key, bots, now) for key in keys], total


def _rotate(
    connection: Connection, access: Access, body: RotateKey, secret: KeySecret, now: datetime
) -> dict[str, Any]:
    grace = timedelta(hours=body.grace_hours)
    new, old = store.rotate_key(connection, access.project, body.key_id, now, secret, grace)
    key = {**_shown(connection, access, new.uuid, now), "secret": new.secret}
    return {"key": key, "replaces": show_key(old, bots_of_keys(connection, [old]), now)}


def _revoke(connection: Connection, access: Access, key_uuid: str, now: datetime) -> dict[str, Any]:
    store.revoke_key(connection, access.project, key_uuid, now)
    return _shown(connection, access, key_uuid, now)


def _shown(connection: Connection, access: Access, key_uuid: str, now: datetime) -> dict[str, Any]:
    key = store.named_key(connection, access.project, key_uuid)
    return show_key(key, bots_of_keys(connection, [key]), now)
