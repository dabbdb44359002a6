"""Which project a key that works signs in to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from heartbeat.store.database.rows import joined
from heartbeat.store.projects.projects import KEY, PROJECT, WORKS
from heartbeat.store.tables.projects import Project


@dataclass(frozen=True)
class SignInKey:
    """A key that works, the project it opens, and whether it is for some bots alone, and so not for people."""

    id: int
    uuid: str
    project: Project
    is_for_bots: bool


def key_by_secret(connection: Connection, hashes: Sequence[str], now: datetime) -> SignInKey | None:
    """Read the key that is kept by one of these hashes; `None` when there is none that works."""
    return _read(connection, KEY.c.hash.in_(hashes), now)


def key_by_id(connection: Connection, key_id: int, now: datetime) -> SignInKey | None:
    """Read a key; `None` when it does not work any more."""
    return _read(connection, KEY.c.id == key_id, now)


def _read(connection: Connection, which: ColumnElement[bool], now: datetime) -> SignInKey | None:
    chosen = select(PROJECT, KEY.c.id, KEY.c.uuid, KEY.c.bot_ids.is_not(None))
    of_key = chosen.join(KEY, KEY.c.project_id == PROJECT.c.id).where(which, WORKS)
    row = joined(connection, (Project,), of_key, {"now": now})
    if row is None:
        return None
    project, key_id, key_uuid, is_for_bots = row
    return SignInKey(key_id, key_uuid, project, is_for_bots)
