"""Which project a key that is not revoked signs in to."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from heartbeat.store.projects.access import as_public_id
from heartbeat.store.projects.projects import digest
from heartbeat.store.rows import columns
from heartbeat.store.tables.projects import ApiKey, Project

KEY, PROJECT = columns(ApiKey), columns(Project)


@dataclass(frozen=True)
class OpenedProject:
    """A key that is not revoked, by its public id and the hash the store keeps, and the project it opens."""

    key_uuid: str
    key_hash: str
    project: Project


def opened_by_secret(connection: Connection, secret: str) -> OpenedProject | None:
    """Read the project that a key opens; `None` when the key is unknown or revoked."""
    return _opened(connection, KEY.c.hash == digest(secret))


def opened_by_key(connection: Connection, key_uuid: str) -> OpenedProject | None:
    """Read the project that the key with this public id opens; `None` when there is none or it is revoked."""
    return _opened(connection, KEY.c.uuid == as_public_id(key_uuid))


def _opened(connection: Connection, which: ColumnElement[bool]) -> OpenedProject | None:
    statement = (
        select(KEY.c.uuid.label("key_uuid"), KEY.c.hash.label("key_hash"), *PROJECT.c)
        .join(PROJECT, PROJECT.c.id == KEY.c.project_id)
        .where(which, KEY.c.revoked_at.is_(None))
    )
    row = connection.execute(statement).first()
    if row is None:
        return None
    key_uuid, key_hash, *values = row
    names = (column.name for column in PROJECT.c)
    return OpenedProject(key_uuid, key_hash, Project.model_construct(**dict(zip(names, values, strict=True))))
