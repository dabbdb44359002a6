"""The account of whoever is signed in: their sessions in all projects, and their password."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import field_errors, read_form
from api.dashboard.pages import SIGN_IN, PageRoute, html, is_https
from api.dashboard.password_sign_in import require_password
from api.dashboard.session import set_cookie
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.keys import PRESET_NAMES
from api.dashboard.views.sessions import session_lines
from api.dashboard.visitor import Visitor, VisitorDep
from api.deps import visit_of
from heartbeat.domain.actors import Visit
from heartbeat.domain.errors import Forbidden, Invalid, NotFound, ProductError
from heartbeat.domain.people import check_password
from heartbeat.store.database.pages import Page
from heartbeat.store.projects.access import ActingUser
from heartbeat.store.tables.users import User
from heartbeat.store.users import sessions as store
from heartbeat.store.users.passwords import set_password
from heartbeat.store.users.users import user_by_id

router = APIRouter(prefix="/account", route_class=PageRoute, include_in_schema=False)

MAX_SESSIONS = Page(1, 100)
NO_PERSON = "You are signed in with a key of the project; only people have an account."
NOTICES = {
    "ended": marked("The session was ended: whoever had it has to sign in again."),
    "others": marked("Every session but yours was ended."),
    "off": marked("Your second factor is off: your password alone signs you in."),
    "password": marked("Your password was changed, and every other session of yours was ended."),
}


@dataclass(frozen=True)
class OwnAccount:
    """A person, their role in the project that they look at, if any, and their sessions everywhere."""

    user: User
    role: str
    sessions: list[store.ListedSession]


@router.get("")
async def account_page(visitor: VisitorDep, done: str = "") -> Response:
    """Who one is here, and where one is signed in."""
    return await account_html(visitor, done=done)


@router.post("/password")
async def change_password(request: Request, visitor: VisitorDep) -> Response:
    """Set another password; all sessions of the person end, and this browser gets another."""
    form, stack = await read_form(request), visitor.stack
    user = await visitor.read_own(own_user)
    try:
        await require_password(visitor, user, form.get("current"))
        password = check_password(form.get("password"), user.email)
    except Invalid as problem:
        return await account_html(visitor, problem)
    kept = await stack.passwords.hash(password)
    token = await visitor.write_own(_change_password, kept, visit_of(request), visitor.now())
    response = RedirectResponse("/account?done=password", 303)
    set_cookie(response, token, is_https(request))
    return response


@router.post("/sessions/{uuid}/end")
async def end(uuid: str, visitor: VisitorDep) -> Response:
    """End one session; with this one's own one is signed out."""
    await visitor.write_own(_end, uuid)
    return RedirectResponse(SIGN_IN if uuid == visitor.session_uuid else "/account?done=ended", 303)


@router.post("/sessions/end")
async def end_others(visitor: VisitorDep) -> Response:
    """End every session of the person but the one that asks for it."""
    await visitor.write_own(_end_others, visitor)
    return RedirectResponse("/account?done=others", 303)


async def account_html(visitor: Visitor, problem: ProductError | None = None, done: str = "") -> Response:
    """The page, and what was wrong with what was typed in it."""
    now = visitor.now()
    frame, account = await visitor.own_frame(), await visitor.read_own(_account, now)
    return html(
        "account",
        400 if problem else 200,
        frame=frame,
        user=account.user,
        role=_(PRESET_NAMES[account.role]) if account.role else "",
        sessions=session_lines(account.sessions, visitor.session_uuid, now),
        errors=field_errors(problem) if problem else {},
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def acting_user(opened: store.OpenSession) -> ActingUser:
    """Return who is signed in; raises `Forbidden` for who came with a key."""
    if opened.user is None:
        raise Forbidden("no_person", NO_PERSON)
    return opened.user


def own_user(connection: Connection, opened: store.OpenSession) -> User:
    """Read the row of who is signed in; raises `Forbidden` as `acting_user` does."""
    user = user_by_id(connection, acting_user(opened).id)
    assert user is not None
    return user


def _account(connection: Connection, opened: store.OpenSession, now: datetime) -> OwnAccount:
    user = own_user(connection, opened)
    listed, _total = store.session_page(connection, store.of_user(user.id), now, MAX_SESSIONS)
    return OwnAccount(user, acting_user(opened).role, listed)


def _change_password(connection: Connection, opened: store.OpenSession, kept: str, visit: Visit, now: datetime) -> str:
    user = own_user(connection, opened)
    set_password(connection, user, kept)
    owner = store.SessionOwner(user_id=user.id, project_id=opened.project.id if opened.project else None)
    return store.begin_session(connection, owner, visit, "", now)


def _end(connection: Connection, opened: store.OpenSession, uuid: str) -> None:
    if opened.user is None:
        raise NotFound("session", uuid[:64])
    store.end_named_session(connection, store.of_user(opened.user.id), uuid)


def _end_others(connection: Connection, opened: store.OpenSession, visitor: Visitor) -> None:
    store.end_other_sessions(connection, store.of_user(acting_user(opened).id), visitor.session_uuid)
