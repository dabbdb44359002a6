"""Sessions of people in the dashboard: each is a row with the hash of a random token, begun with a key or by a person.

Own code: the sessions of Starlette live in their cookies, so that nobody can list or end them.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, update

from heartbeat.domain.actors import Actor, Visit
from heartbeat.domain.errors import NotFound
from heartbeat.domain.failure_sources import of_address, of_name
from heartbeat.domain.ids import new_id
from heartbeat.domain.text import storable_text
from heartbeat.store.audit.recording import record
from heartbeat.store.database.acting import act_as, actor_of
from heartbeat.store.database.pages import Page
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import all_joined, joined
from heartbeat.store.projects.access import USED, ActingUser, UsedKey, as_public_id
from heartbeat.store.projects.auth_failures import recent_failures
from heartbeat.store.projects.projects import KEY, NOW, PROJECT, WORKS, digest
from heartbeat.store.tables.projects import DashboardSession, Project
from heartbeat.store.users.users import MEMBERSHIP, NOT_REMOVED, SESSION, USER

LASTS = timedelta(days=7)
# From a Friday evening to a Monday morning.
IDLE = timedelta(days=3)
# Its use is written so often at most.
EVERY = timedelta(hours=1)
MAX_BROWSER = 300


class SessionOwner(NamedTuple):
    """Who begins a session: a key, or a person with the project that they see first, if they are a member of one."""

    key_id: int | None = None
    user_id: int | None = None
    project_id: int | None = None


@dataclass(frozen=True)
class OpenSession:
    """A session that has not ended, the project that it opens, and the key or the person that it was begun by.

    A person who is no member of the session's project (any more) has no project here and no role.
    """

    session: DashboardSession
    project: Project | None
    key: UsedKey | None
    user: ActingUser | None

    @property
    def owner(self) -> UsedKey | ActingUser:
        """Who began it."""
        owner = self.key or self.user
        assert owner is not None
        return owner


@dataclass(frozen=True)
class ListedSession:
    """A session and its key or its person."""

    session: DashboardSession
    owner: Actor


# A key that is for some bots is for programs: pages are about the whole project.
_BY_KEY = WORKS & KEY.c.bot_ids.is_(None) & SESSION.c.key_id.is_not(None)
_WORKS = (SESSION.c.expires_at > NOW) & (_BY_KEY | (NOT_REMOVED & USER.c.id.is_not(None)))
_MEMBER = (MEMBERSHIP.c.user_id == SESSION.c.user_id) & (MEMBERSHIP.c.project_id == SESSION.c.project_id)
_PROJECT_ID = func.coalesce(KEY.c.project_id, MEMBERSHIP.c.project_id)
_JOINED = (
    SESSION.outerjoin(KEY, KEY.c.id == SESSION.c.key_id)
    .outerjoin(USER, USER.c.id == SESSION.c.user_id)
    .outerjoin(MEMBERSHIP, _MEMBER)
    .outerjoin(PROJECT, PROJECT.c.id == _PROJECT_ID)
)
_ACTING = (USER.c.id, USER.c.uuid, USER.c.name, USER.c.email, func.coalesce(MEMBERSHIP.c.role, ""))
_OWNER = (KEY.c.uuid, KEY.c.name, USER.c.uuid, USER.c.name, USER.c.email)
READ = Prepared(
    select(SESSION, PROJECT, *USED, *_ACTING).select_from(_JOINED).where(SESSION.c.hash == bindparam("hash"), _WORKS)
)


def begin_session(connection: Connection, owner: SessionOwner, visit: Visit, former_token: str, now: datetime) -> str:
    """Insert a session and return its token, which is not kept anywhere; the browser's former session ends."""
    end_session(connection, former_token)
    token = secrets.token_urlsafe(32)
    row = {
        "uuid": new_id("sess"),
        **owner._asdict(),
        "hash": digest(token),
        "address": visit.address,
        "browser": storable_text(visit.user_agent)[:MAX_BROWSER],
        "created_at": now,
        "last_used_at": now,
        "expires_at": now + IDLE,
        "ends_at": now + LASTS,
    }
    connection.execute(SESSION.insert().values(row))
    known = _owner(connection, SESSION.c.hash == row["hash"])
    if known is not None:
        act_as(connection, replace(known.actor, visit=visit))
        failures = recent_failures(connection, [of_address(visit.address), *of_name(known.actor.email)], now)
        changes = {"failures": [None, failures]} if failures else {}
        record(connection, known.project_id, "session.begin", known.session_uuid, known.actor.words, changes)
    return token


def open_session(connection: Connection, token: str, now: datetime) -> OpenSession | None:
    """Read what a token opens; `None` when it is none, has ended, or its key or its person does not work any more."""
    rows = joined(connection, (DashboardSession, Project), READ, {"hash": digest(token), "now": now})
    if rows is None:
        return None
    session, project, *owner = rows
    key, user = UsedKey(*owner[: len(USED)]), ActingUser(*owner[len(USED) :])
    by_key = session.key_id is not None
    return OpenSession(session, project if project.id else None, key if by_key else None, None if by_key else user)


def write_use(connection: Connection, session: DashboardSession, now: datetime) -> None:
    """Write that a session was used, which lets it last longer, unless that was written within the hour."""
    stale = (SESSION.c.id == session.id) & (SESSION.c.last_used_at <= now - EVERY)
    values = {"last_used_at": now, "expires_at": min(now + IDLE, session.ends_at)}
    connection.execute(update(SESSION).where(stale).values(values))


def session_page(
    connection: Connection, whose: ColumnElement[bool], now: datetime, page: Page
) -> tuple[list[ListedSession], int]:
    """Read one page of sessions, those used last first, and how many there are in all."""
    at = {"now": now}
    total = connection.execute(select(func.count()).select_from(_JOINED).where(whose, _WORKS), at).scalar_one()
    chosen = select(SESSION, *_OWNER).select_from(_JOINED).where(whose, _WORKS)
    in_order = chosen.order_by(SESSION.c.last_used_at.desc(), SESSION.c.id.desc())
    rows = all_joined(connection, (DashboardSession,), in_order.limit(page.size).offset(page.offset), at)
    return [ListedSession(session, _owner_in(owner)) for session, *owner in rows], total


def of_project(project: Project) -> ColumnElement[bool]:
    """The sessions that open a project."""
    keys = select(KEY.c.id).where(KEY.c.project_id == project.id)
    return (SESSION.c.project_id == project.id) | SESSION.c.key_id.in_(keys)


def of_user(user_id: int) -> ColumnElement[bool]:
    """The sessions that a person began, whatever project they open."""
    return SESSION.c.user_id == user_id


def end_session(connection: Connection, token: str) -> None:
    """End the session of this token, if there is one."""
    if not token:
        return
    which = SESSION.c.hash == digest(token)
    known = _owner(connection, which)
    if known is not None:
        act_as(connection, replace(known.actor, visit=actor_of(connection).visit))
    # Also where it opens no project any more, of which no audit log says so.
    _end(connection, which)


def end_named_session(connection: Connection, whose: ColumnElement[bool], session_uuid: str) -> None:
    """End one of these sessions; raises `NotFound`."""
    if _end(connection, whose & (SESSION.c.uuid == as_public_id(session_uuid))) == 0:
        raise NotFound("session", session_uuid)


def end_other_sessions(connection: Connection, whose: ColumnElement[bool], own_uuid: str) -> None:
    """End all of these sessions but one."""
    _end(connection, whose & (SESSION.c.uuid != own_uuid))


@dataclass(frozen=True)
class _KnownOwner:
    session_uuid: str
    project_id: int
    actor: Actor


def _owners(connection: Connection, which: ColumnElement[bool]) -> list[_KnownOwner]:
    """Read whose these sessions are, but for those that open no project."""
    names = (SESSION.c.uuid, _PROJECT_ID, *_OWNER)
    rows = connection.execute(select(*names).select_from(_JOINED).where(which, _PROJECT_ID.is_not(None))).all()
    return [_KnownOwner(uuid, project_id, _owner_in(owner)) for uuid, project_id, *owner in rows]


def _owner_in(row: Sequence[Any]) -> Actor:
    """Read who a session was begun by from the columns of `_OWNER`."""
    return Actor("key", *row[:2]) if row[0] else Actor("user", *row[2:])


def _owner(connection: Connection, which: ColumnElement[bool]) -> _KnownOwner | None:
    return next(iter(_owners(connection, which)), None)


def _end(connection: Connection, which: ColumnElement[bool]) -> int:
    """End sessions, each of which the audit log names with whose it was; returns how many there were."""
    for one in _owners(connection, which):
        record(connection, one.project_id, "session.end", one.session_uuid, one.actor.words)
    return connection.execute(delete(SESSION).where(which)).rowcount


def renew_session(connection: Connection, session_uuid: str) -> str:
    """Give a session another token and return it: whoever has copied the former one is out."""
    token = secrets.token_urlsafe(32)
    connection.execute(update(SESSION).where(SESSION.c.uuid == session_uuid).values(hash=digest(token)))
    return token


def choose_project(connection: Connection, session_uuid: str, project_id: int) -> None:
    """Have a person's session open another of their projects, whose audit log says that they came."""
    elsewhere = (SESSION.c.uuid == session_uuid) & SESSION.c.project_id.is_distinct_from(project_id)
    if connection.execute(update(SESSION).where(elsewhere).values(project_id=project_id)).rowcount:
        record(connection, project_id, "session.turn", session_uuid, actor_of(connection).words)
