"""Projects and their keys. A key is shown once, when it is made; the store keeps its SHA-256."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.ids import ALPHABET, new_id
from heartbeat.store.rows import columns, first, many
from heartbeat.store.tables.projects import ApiKey, Project

PROJECT = columns(Project)
KEY = columns(ApiKey)


@dataclass(frozen=True)
class NewKey:
    """A key just made; `secret` is not kept anywhere."""

    uuid: str
    name: str
    secret: str


def create_project(
    connection: Connection,
    name: str,
    now: datetime,
    *,
    uuid: str | None = None,
    plan: str = "self_hosted",
    anchor_day: int = 1,
) -> Project:
    """Insert a project; `anchor_day` is the day of the month (1 to 31) its billing period begins on."""
    uuid = uuid or new_id("proj")
    connection.execute(
        PROJECT.insert().values(uuid=uuid, name=name, plan=plan, period_anchor_day=anchor_day, created_at=now)
    )
    return project(connection, uuid)


def project(connection: Connection, uuid: str) -> Project:
    """The project with this public id; raises `NotFound`."""
    found = first(connection, Project, select(PROJECT).where(PROJECT.c.uuid == uuid))
    if found is None:
        raise NotFound("project", uuid)
    return found


def projects(connection: Connection) -> list[Project]:
    """Every project, oldest first."""
    return many(connection, Project, select(PROJECT).order_by(PROJECT.c.id))


def create_key(
    connection: Connection, project: Project, name: str, now: datetime, *, secret: str | None = None
) -> NewKey:
    """Make a key for a project; a given `secret` is used as it is."""
    secret = secret or "hbk_" + "".join(secrets.choice(ALPHABET) for _ in range(40))
    made = NewKey(new_id("key"), name, secret)
    connection.execute(
        KEY.insert().values(
            uuid=made.uuid, project_id=project.id, name=name, prefix=secret[:8], hash=digest(secret), created_at=now
        )
    )
    return made


def keys(connection: Connection, project: Project) -> list[ApiKey]:
    """A project's keys, revoked ones too, oldest first."""
    return many(connection, ApiKey, select(KEY).where(KEY.c.project_id == project.id).order_by(KEY.c.id))


def revoke_key(connection: Connection, project: Project, uuid: str, now: datetime) -> None:
    """Make a key useless from now on; revoking twice is a success. Raises `NotFound`."""
    mine = (KEY.c.uuid == uuid) & (KEY.c.project_id == project.id)
    if connection.execute(select(KEY.c.id).where(mine)).first() is None:
        raise NotFound("key", uuid)
    connection.execute(update(KEY).where(mine, KEY.c.revoked_at.is_(None)).values(revoked_at=now))


def project_of_key(connection: Connection, secret: str) -> Project | None:
    """The project a key opens, or `None` when the key is unknown or revoked."""
    statement = (
        select(PROJECT)
        .join(KEY, KEY.c.project_id == PROJECT.c.id)
        .where(KEY.c.hash == digest(secret), KEY.c.revoked_at.is_(None))
    )
    return first(connection, Project, statement)


def digest(secret: str) -> str:
    """What the store keeps of a key. Keys are 200 random bits, so a fast hash is enough."""
    return sha256(secret.encode()).hexdigest()
