"""Which project a key that is not revoked signs in to."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from heartbeat.store.projects.access import as_public_id
from heartbeat.store.projects.projects import digest
from heartbeat.store.rows import columns
from heartbeat.store.tables.projects import ApiKey, Project

KEY, PROJECT = columns(ApiKey), columns(Project)


@dataclass(frozen=True)
class SignInKey:
    """A key that is not revoked, and the project it opens."""

    id: int
    uuid: str
    project: Project


def key_by_secret(connection: Connection, secret: str) -> SignInKey | None:
    """Read the key with this secret; `None` when it is unknown or revoked."""
    return _read(connection, KEY.c.hash == digest(secret))


def key_by_uuid(connection: Connection, key_uuid: str) -> SignInKey | None:
    """Read the key with this public id; `None` when there is none or it is revoked."""
    return _read(connection, KEY.c.uuid == as_public_id(key_uuid))


def _read(connection: Connection, which: ColumnElement[bool]) -> SignInKey | None:
    statement = (
        select(KEY.c.id.label("key_id"), KEY.c.uuid.label("key_uuid"), *PROJECT.c)
        .join(PROJECT, PROJECT.c.id == KEY.c.project_id)
        .where(which, KEY.c.revoked_at.is_(None))
    )
    row = connection.execute(statement).first()
    if row is None:
        return None
    key_id, key_uuid, *values = row
    names = (column.name for column in PROJECT.c)
    return SignInKey(key_id, key_uuid, Project.model_construct(**dict(zip(names, values, strict=True))))
