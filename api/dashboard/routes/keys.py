"""The page of keys: make one, see it once, see when each was last used, revoke one."""

from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.pages import SIGN_IN, PageRoute, Visitor, VisitorDep, html, list_filter, page_of
from api.dashboard.sent_again import make_once
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import runs, selection
from api.dashboard.views.keys import key_lines
from api.schemas.projects import CreateKey
from heartbeat.domain.errors import NotFound, ProductError
from heartbeat.store.pages import ListFilter, Page
from heartbeat.store.projects import projects as store
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.projects import ApiKey

router = APIRouter(prefix="/keys", route_class=PageRoute, include_in_schema=False)

KEYS_A_PAGE = 50
NOTICES = {
    "revoked": marked("The key was revoked: it opens nothing any more."),
    "shown": marked("The key is made already, and was shown. If you have not copied it, revoke it and make another."),
}


@router.get("")
async def keys_page(request: Request, visitor: VisitorDep) -> Response:
    """Every key of the project, or those that the address asks for, and a form for another."""
    return await _page(visitor, Form(request.query_params.multi_items()))


@router.post("")
async def create(request: Request, visitor: VisitorDep) -> Response:
    """Make a key, and show it this once."""
    form = await read_form(request)
    try:
        body = validated(CreateKey, {"name": form.get("name")})
        key = await visitor.write(_create, form, body.name, visitor.now())
    except ProductError as problem:
        return await _page(visitor, Form(), form, refusal(problem))
    if key is None:
        return RedirectResponse("/keys?done=shown", 303)
    return html("key_made", frame=await visitor.frame(), key=key)


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


async def _page(
    visitor: Visitor, form: Form, typed: Form | None = None, problem: ProductError | None = None
) -> Response:
    current, done = page_of(form.get("page", "1"), KEYS_A_PAGE), form.get("done")
    wanted = list_filter(form, store.SHOWN_KEYS)
    frame, (keys, total) = await visitor.read_framed(_listed, wanted, current)
    return html(
        "keys",
        400 if problem else 200,
        frame=frame,
        keys=key_lines(keys, visitor.key_uuid, visitor.now()),
        form=form,
        path=selection.list_path("keys", form),
        shows=translated(selection.SHOW_KEYS.items()),
        bar=selection.selection_bar("keys", form),
        pages=runs.pages(current, total),
        found=total,
        typed=typed or Form(),
        errors=field_errors(problem) if problem else {},
        done=selection.notice("keys", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _named(keys: list[ApiKey], uuid: str) -> ApiKey:
    key = next((key for key in keys if key.uuid == uuid and key.revoked_at is None), None)
    if key is None:
        raise NotFound("key", uuid[:64])
    return key


def _listed(connection: Connection, access: Access, wanted: ListFilter, page: Page) -> tuple[list[ApiKey], int]:
    return store.key_page(connection, access.project, wanted, page)


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
