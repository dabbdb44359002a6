"""Links that sign in once: made by somebody who can reach the database, good for a few minutes and a single use.

The store keeps a link's SHA-256 alone, and a used one not at all.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from heartbeat.domain.scopes import Scope
from heartbeat.store.audit.recording import record
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.projects import KEY, WORKS, digest
from heartbeat.store.tables.projects import Project, SignInLink
from heartbeat.store.users.sign_in import SignInKey, key_by_id
from heartbeat.store.users.users import RESET, SESSION

LINK = columns(SignInLink)
LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class NewLink:
    """A link just made; `token` is not kept anywhere."""

    token: str
    expires_at: datetime


def new_link(connection: Connection, project: Project, now: datetime) -> NewLink | None:
    """Make a link that signs in as the project's oldest admin key; `None` when there is none that works.

    Such a session ends as that key's others do.
    """
    connection.execute(delete(LINK).where(LINK.c.expires_at <= now))
    may_all = WORKS & (KEY.c.scopes == Scope.ADMIN) & KEY.c.bot_ids.is_(None)
    oldest = select(KEY.c.id).where(KEY.c.project_id == project.id, may_all).order_by(KEY.c.id).limit(1)
    key_id = connection.execute(oldest, {"now": now}).scalar()
    if key_id is None:
        return None
    token = secrets.token_urlsafe(32)
    expires_at = now + LASTS
    connection.execute(LINK.insert().values(hash=digest(token), key_id=key_id, expires_at=expires_at))
    record(connection, project.id, "session.link", project.uuid, project.name)
    return NewLink(token, expires_at)


def has_link(connection: Connection, token: str, now: datetime) -> bool:
    """Tell whether there is a link with this token that was not used and is not too old."""
    mine = (LINK.c.hash == digest(token)) & (LINK.c.expires_at > now)
    return connection.execute(select(LINK.c.key_id).where(mine)).first() is not None


def use_link(connection: Connection, token: str, now: datetime) -> SignInKey | None:
    """Use a link up and read the key that it signs in as; `None` when it was used, is too old, or is none."""
    mine = (LINK.c.hash == digest(token)) & (LINK.c.expires_at > now)
    key_id = connection.execute(delete(LINK).where(mine).returning(LINK.c.key_id)).scalar()
    return None if key_id is None else key_by_id(connection, key_id, now)


def sign_everybody_out(connection: Connection) -> None:
    """End every session, and every link that signs in or sets a password."""
    for table in (SESSION, LINK, RESET):
        connection.execute(delete(table))
