"""The page of keys: make one, see it once, see when each was last used, revoke one."""

from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.pages import SIGN_IN, PageRoute, Visitor, VisitorDep, html
from api.dashboard.sent_again import make_once
from api.dashboard.translations import marked
from api.dashboard.views.keys import key_lines
from api.schemas.projects import CreateKey
from heartbeat.domain.errors import NotFound, ProductError
from heartbeat.store.projects import projects as store
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.projects import ApiKey

router = APIRouter(prefix="/keys", route_class=PageRoute, include_in_schema=False)

NOTICES = {
    "revoked": marked("The key was revoked: it opens nothing any more."),
    "shown": marked("The key is made already, and was shown. If you have not copied it, revoke it and make another."),
}


@router.get("")
async def keys_page(visitor: VisitorDep, done: str = "") -> Response:
    """Every key of the project, and a form for another."""
    return await _page(visitor, Form(), done=done)


@router.post("")
async def create(request: Request, visitor: VisitorDep) -> Response:
    """Make a key, and show it this once."""
    form = await read_form(request)
    try:
        body = validated(CreateKey, {"name": form.get("name")})
        key = await visitor.write(_create, form, body.name, visitor.now())
    except ProductError as problem:
        return await _page(visitor, form, refusal(problem))
    if key is None:
        return RedirectResponse("/keys?done=shown", 303)
    frame, _ = await visitor.read_framed(_keys)
    return html("key_made", frame=frame, key=key)


@router.get("/{uuid}/revoke")
async def revoke_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether it is meant; of the key that one is signed in with all the more."""
    frame, keys = await visitor.read_framed(_keys)
    key = _named(keys, uuid)
    live = [other for other in keys if other.revoked_at is None]
    return html("key_revoke", frame=frame, key=key, own=uuid == visitor.key_uuid, is_last=live == [key])


@router.post("/{uuid}/revoke")
async def revoke(uuid: str, visitor: VisitorDep) -> Response:
    """Make a key useless from now on; with it its sessions end, one's own too."""
    await visitor.write(_revoke, uuid, visitor.now())
    return RedirectResponse(SIGN_IN if uuid == visitor.key_uuid else "/keys?done=revoked", 303)


async def _page(visitor: Visitor, form: Form, problem: ProductError | None = None, done: str = "") -> Response:
    frame, keys = await visitor.read_framed(_keys)
    return html(
        "keys",
        400 if problem else 200,
        frame=frame,
        keys=key_lines(keys, visitor.key_uuid, visitor.now()),
        form=form,
        errors=field_errors(problem) if problem else {},
        done=NOTICES.get(done),
    )


def _named(keys: list[ApiKey], uuid: str) -> ApiKey:
    key = next((key for key in keys if key.uuid == uuid and key.revoked_at is None), None)
    if key is None:
        raise NotFound("key", uuid[:64])
    return key


def _keys(connection: Connection, access: Access) -> list[ApiKey]:
    return store.keys(connection, access.project)


def _create(connection: Connection, access: Access, form: Form, name: str, now: datetime) -> store.NewKey | None:
    """Make the key; `None` when the same form has made it before, for it is shown once."""
    made: list[store.NewKey] = []

    def create() -> str:
        made.append(store.create_key(connection, access.project, name, now))
        return made[0].uuid

    make_once(connection, access, form, now, create)
    return made[0] if made else None


def _revoke(connection: Connection, access: Access, uuid: str, now: datetime) -> None:
    store.revoke_key(connection, access.project, uuid, now)
