"""Sessions of people in the dashboard: each is a row with the hash of a random token, begun with a key.

Own code: the sessions of Starlette live in their cookies, so that nobody can list or end them.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.ids import new_id
from heartbeat.domain.text import storable_text
from heartbeat.store.database.pages import Page
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import all_joined, columns, joined
from heartbeat.store.projects.access import USED, UsedKey
from heartbeat.store.projects.projects import KEY, NOW, PROJECT, WORKS, digest
from heartbeat.store.tables.projects import DashboardSession, Project

SESSION = columns(DashboardSession)

LASTS = timedelta(days=7)
# From a Friday evening to a Monday morning.
IDLE = timedelta(days=3)
# Its use is written so often at most.
EVERY = timedelta(hours=1)
MAX_BROWSER = 300


@dataclass(frozen=True)
class Visit:
    """Where somebody comes from: an IP address, and what the browser calls itself."""

    address: str
    browser: str


@dataclass(frozen=True)
class OpenSession:
    """A session that has not ended, the key that it was begun with, and the project that it opens."""

    session: DashboardSession
    key: UsedKey
    project: Project


@dataclass(frozen=True)
class ListedSession:
    """A session and the name of its key."""

    session: DashboardSession
    key_name: str


# A key that is for some bots is for programs: pages are about the whole project.
_WORKS = (SESSION.c.expires_at > NOW) & WORKS & KEY.c.bot_ids.is_(None)
_JOINED = SESSION.join(KEY, KEY.c.id == SESSION.c.key_id).join(PROJECT, PROJECT.c.id == KEY.c.project_id)
READ = Prepared(select(SESSION, PROJECT, *USED).select_from(_JOINED).where(SESSION.c.hash == bindparam("hash"), _WORKS))


def begin_session(connection: Connection, key_id: int, visit: Visit, former_token: str, now: datetime) -> str:
    """Insert a session and return its token, which is not kept anywhere; the browser's former session ends."""
    end_session(connection, former_token)
    token = secrets.token_urlsafe(32)
    row = {
        "uuid": new_id("sess"),
        "key_id": key_id,
        "hash": digest(token),
        "address": visit.address,
        "browser": storable_text(visit.browser)[:MAX_BROWSER],
        "created_at": now,
        "last_used_at": now,
        "expires_at": now + IDLE,
        "ends_at": now + LASTS,
    }
    connection.execute(SESSION.insert().values(row))
    return token


def open_session(connection: Connection, token: str, now: datetime) -> OpenSession | None:
    """Read what a token opens; `None` when it is none, has ended, or its key does not work any more."""
    rows = joined(connection, (DashboardSession, Project), READ, {"hash": digest(token), "now": now})
    if rows is None:
        return None
    session, project, *key = rows
    return OpenSession(session, UsedKey(*key), project)


def write_use(connection: Connection, session: DashboardSession, now: datetime) -> None:
    """Write that a session was used, which lets it last longer, unless that was written within the hour."""
    stale = (SESSION.c.id == session.id) & (SESSION.c.last_used_at <= now - EVERY)
    values = {"last_used_at": now, "expires_at": min(now + IDLE, session.ends_at)}
    connection.execute(update(SESSION).where(stale).values(values))


def session_page(
    connection: Connection, project: Project, now: datetime, page: Page
) -> tuple[list[ListedSession], int]:
    """Read one page of a project's sessions, those used last first, and how many there are in all."""
    mine = (KEY.c.project_id == project.id) & _WORKS
    total = connection.execute(select(func.count()).select_from(_JOINED).where(mine), {"now": now}).scalar_one()
    chosen = select(SESSION, KEY.c.name).select_from(_JOINED).where(mine)
    in_order = chosen.order_by(SESSION.c.last_used_at.desc(), SESSION.c.id.desc())
    rows = all_joined(connection, (DashboardSession,), in_order.limit(page.size).offset(page.offset), {"now": now})
    return [ListedSession(*row) for row in rows], total


def end_session(connection: Connection, token: str) -> None:
    """End the session of this token, if there is one."""
    if token:
        connection.execute(delete(SESSION).where(SESSION.c.hash == digest(token)))


def end_named_session(connection: Connection, project: Project, session_uuid: str) -> None:
    """End one session of a project; raises `NotFound`."""
    mine = SESSION.c.key_id.in_(select(KEY.c.id).where(KEY.c.project_id == project.id))
    if connection.execute(delete(SESSION).where(SESSION.c.uuid == session_uuid, mine)).rowcount == 0:
        raise NotFound("session", session_uuid)


def end_other_sessions(connection: Connection, project: Project, own_uuid: str) -> None:
    """End every session of a project but one."""
    mine = SESSION.c.key_id.in_(select(KEY.c.id).where(KEY.c.project_id == project.id))
    connection.execute(delete(SESSION).where(mine, SESSION.c.uuid != own_uuid))
