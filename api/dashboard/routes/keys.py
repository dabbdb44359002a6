"""The page of keys: make one, see it once, see when each was last used, put another in its place, revoke one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.pages import SIGN_IN, PageRoute, html, list_filter, page_of
from api.dashboard.sent_again import make_once
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import runs, selection
from api.dashboard.views.keys import ENDS, GRACES, PRESETS, key_fields, key_lines
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.keys import KeyFields, key_state
from heartbeat.domain.errors import NotFound, ProductError
from heartbeat.secrets.key_hashes import KeySecret
from heartbeat.store.bots.bots import bots
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.projects import keys as store
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.key_rights import bots_of_keys, key_rights
from heartbeat.store.projects.projects import NewKey, create_key
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.projects import ApiKey

router = APIRouter(prefix="/keys", route_class=PageRoute, include_in_schema=False)

KEYS_A_PAGE, MAX_BOTS = 50, 500
NOTICES = {
    "revoked": marked("The key was revoked: it opens nothing any more."),
    "shown": marked("The key is made already, and was shown. If you have not copied it, revoke it and make another."),
}


@dataclass(frozen=True)
class KeyRows:
    """The keys of a page, how many there are in all, the bots that they are for, and those that one may be for."""

    keys: list[ApiKey]
    total: int
    bots: dict[int, tuple[str, str]]
    choices: list[Bot]


@router.get("")
async def keys_page(request: Request, visitor: VisitorDep) -> Response:
    """Every key of the project, or those that the address asks for, and a form for another."""
    return await _page(visitor, Form(request.query_params.multi_items()))


@router.post("")
async def create(request: Request, visitor: VisitorDep) -> Response:
    """Make a key, and show it this once."""
    form, now = await read_form(request), visitor.now()
    try:
        body = validated(KeyFields, key_fields(form, now))
        key = await visitor.write(_create, form, body, visitor.stack.key_hashes.make(), now)
    except ProductError as problem:
        return await _page(visitor, Form(), form, refusal(problem))
    return await _made(visitor, key)


@router.get("/{uuid}/rotate")
async def rotate_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask for how long the old one goes on."""
    frame, keys = await visitor.read_framed(_keys)
    return html("key_rotate", frame=frame, key=_named(keys, uuid), graces=translated(GRACES.items()), form=Form())


@router.post("/{uuid}/rotate")
async def rotate(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Make a key in the place of another, and show it this once."""
    form, secret = await read_form(request), visitor.stack.key_hashes.make()
    return await _made(visitor, await visitor.write(_rotate, form, uuid, secret, visitor.now()))


@router.get("/{uuid}/revoke")
async def revoke_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether it is meant; of the key that one is signed in with all the more."""
    frame, keys = await visitor.read_framed(_keys)
    key = _named(keys, uuid)
    live = [other for other in keys if key_state(other, visitor.now()) == "works"]
    return html("key_revoke", frame=frame, key=key, own=uuid == visitor.key_uuid, is_last=live == [key])


@router.post("/{uuid}/revoke")
async def revoke(uuid: str, visitor: VisitorDep) -> Response:
    """Make a key useless from now on; with it its sessions end, one's own too."""
    await visitor.write(_revoke, uuid, visitor.now())
    return RedirectResponse(SIGN_IN if uuid == visitor.key_uuid else "/keys?done=revoked", 303)


async def _made(visitor: Visitor, key: NewKey | None) -> Response:
    """Show a key, unless the same form has made it before and it was shown then."""
    if key is None:
        return RedirectResponse("/keys?done=shown", 303)
    return html("key_made", frame=await visitor.frame(), key=key)


async def _page(
    visitor: Visitor, form: Form, typed: Form | None = None, problem: ProductError | None = None
) -> Response:
    current, done = page_of(form.get("page", "1"), KEYS_A_PAGE), form.get("done")
    wanted, now = list_filter(form, store.SHOWN_KEYS), visitor.now()
    frame, rows = await visitor.read_framed(_listed, wanted, now, current)
    return html(
        "keys",
        400 if problem else 200,
        frame=frame,
        keys=key_lines(rows.keys, rows.bots, visitor.key_uuid, now),
        form=form,
        path=selection.list_path("keys", form),
        shows=translated(selection.SHOW_KEYS.items()),
        bar=selection.selection_bar("keys", form),
        pages=runs.pages(current, rows.total),
        found=rows.total,
        typed=typed or Form([("preset", "editor")]),
        presets=translated(PRESETS.items()),
        ends=translated(ENDS.items()),
        bots=[("", _("The whole project")), *((bot.uuid, bot.name) for bot in rows.choices)],
        errors=field_errors(problem) if problem else {},
        done=selection.notice("keys", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _named(keys: list[ApiKey], uuid: str) -> ApiKey:
    key = next((key for key in keys if key.uuid == uuid and key.revoked_at is None), None)
    if key is None:
        raise NotFound("key", uuid[:64])
    return key


def _listed(connection: Connection, access: Access, wanted: ListFilter, now: datetime, page: Page) -> KeyRows:
    keys, total = store.key_page(connection, access.project, wanted, now, page)
    choices, _ = bots(connection, access, Page(1, MAX_BOTS))
    return KeyRows(keys, total, bots_of_keys(connection, keys), choices)


def _keys(connection: Connection, access: Access) -> list[ApiKey]:
    return store.keys(connection, access.project)


def _create(
    connection: Connection, access: Access, form: Form, body: KeyFields, secret: KeySecret, now: datetime
) -> NewKey | None:
    """Make the key; `None` when the same form has made it before, for it is shown once."""

    def create() -> NewKey:
        rights = key_rights(connection, access.project, body.rights(), now)
        return create_key(connection, access.project, body.name, now, secret=secret, rights=rights)

    return _once(connection, access, form, now, create)


def _rotate(
    connection: Connection, access: Access, form: Form, uuid: str, secret: KeySecret, now: datetime
) -> NewKey | None:
    hours = form.get("grace_hours")
    grace = timedelta(hours=int(hours)) if hours in GRACES else store.GRACE

    def rotate() -> NewKey:
        return store.rotate_key(connection, access.project, uuid, now, secret, grace)[0]

    return _once(connection, access, form, now, rotate)


def _once(
    connection: Connection, access: Access, form: Form, now: datetime, make: Callable[[], NewKey]
) -> NewKey | None:
    made: list[NewKey] = []

    def make_it() -> str:
        made.append(make())
        return made[0].uuid

    make_once(connection, access, form, now, make_it)
    return made[0] if made else None


def _revoke(connection: Connection, access: Access, uuid: str, now: datetime) -> None:
    store.revoke_key(connection, access.project, uuid, now)
