"""The page of sessions: who is signed in, from where; end one, or all the others."""

from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.pages import SIGN_IN, PageRoute, html, page_of
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import runs
from api.dashboard.views.sessions import session_lines
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.store.database.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.users import sessions as store

router = APIRouter(prefix="/sessions", route_class=PageRoute, include_in_schema=False)

SESSIONS_A_PAGE = 50
NOTICES = {
    "ended": marked("The session was ended: whoever had it has to sign in again."),
    "others": marked("Every session but yours was ended."),
}


@router.get("")
async def sessions_page(visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """Every session of the project that has not ended."""
    current, now = page_of(page, SESSIONS_A_PAGE), visitor.now()
    frame, (listed, total) = await visitor.read_framed(_sessions, now, current)
    return html(
        "sessions",
        frame=frame,
        sessions=session_lines(listed, visitor.session_uuid, now),
        pages=runs.pages(current, total),
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


@router.post("/{uuid}/end")
async def end(uuid: str, visitor: VisitorDep) -> Response:
    """End one session; with one's own one is signed out."""
    await visitor.write(_end, uuid)
    return RedirectResponse(SIGN_IN if uuid == visitor.session_uuid else "/sessions?done=ended", 303)


@router.get("/end")
async def end_others_page(visitor: VisitorDep) -> Response:
    """Ask whether everybody else is to be signed out."""
    return html(
        "question",
        frame=await visitor.frame(),
        place="/keys",
        title=_("Sign everybody else out?"),
        text=_("Every session of this project but yours ends at once. With a key or a password they sign in anew."),
        action="/sessions/end",
        button=_("End all others"),
        back="/sessions",
    )


@router.post("/end")
async def end_others(visitor: VisitorDep) -> Response:
    """End every session of the project but the one that asks for it."""
    await visitor.write(_end_others, visitor)
    return RedirectResponse("/sessions?done=others", 303)


def _sessions(
    connection: Connection, access: Access, now: datetime, page: Page
) -> tuple[list[store.ListedSession], int]:
    return store.session_page(connection, store.of_project(access.project), now, page)


def _end(connection: Connection, access: Access, uuid: str) -> None:
    store.end_named_session(connection, store.of_project(access.project), uuid)


def _end_others(connection: Connection, access: Access, visitor: Visitor) -> None:
    store.end_other_sessions(connection, store.of_project(access.project), visitor.session_uuid)
