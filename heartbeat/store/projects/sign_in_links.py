"""Links that sign in once: made by somebody who can reach the database, good for a few minutes and a single use.

The store keeps a link's SHA-256 alone, and a used one not at all.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from heartbeat.store.projects.projects import KEY, digest
from heartbeat.store.projects.sign_in import SignInKey, key_by_uuid
from heartbeat.store.rows import columns
from heartbeat.store.tables.projects import Project, SignInLink

LINK = columns(SignInLink)
LASTS = timedelta(minutes=10)


@dataclass(frozen=True)
class NewLink:
    """A link just made; `token` is not kept anywhere."""

    token: str
    expires_at: datetime


def new_link(connection: Connection, project: Project, now: datetime) -> NewLink | None:
    """Make a link that signs in as the project's oldest key; `None` when every key was revoked.

    Such a session ends as that key's others do.
    """
    connection.execute(delete(LINK).where(LINK.c.expires_at <= now))
    oldest = select(KEY.c.id).where(KEY.c.project_id == project.id, KEY.c.revoked_at.is_(None)).order_by(KEY.c.id)
    key_id = connection.execute(oldest.limit(1)).scalar()
    if key_id is None:
        return None
    token = secrets.token_urlsafe(32)
    expires_at = now + LASTS
    connection.execute(LINK.insert().values(hash=digest(token), key_id=key_id, expires_at=expires_at))
    return NewLink(token, expires_at)


def use_link(connection: Connection, token: str, now: datetime) -> SignInKey | None:
    """Use a link up and read the key that it signs in as; `None` when it was used, is too old, or is none."""
    mine = (LINK.c.hash == digest(token)) & (LINK.c.expires_at > now)
    key_id = connection.execute(delete(LINK).where(mine).returning(LINK.c.key_id)).scalar()
    if key_id is None:
        return None
    return key_by_uuid(connection, connection.execute(select(KEY.c.uuid).where(KEY.c.id == key_id)).scalar_one())
