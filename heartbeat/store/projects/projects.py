"""Projects and their keys. A key is shown once, when it is made; the store keeps its SHA-256."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.ids import ALPHABET, new_id
from heartbeat.store.pages import ListFilter, Page, having_words
from heartbeat.store.rows import columns, exactly_one, first, many
from heartbeat.store.tables.projects import ApiKey, Project

PROJECT = columns(Project)
KEY = columns(ApiKey)
SHOWN_KEYS = {"works": KEY.c.revoked_at.is_(None), "revoked": KEY.c.revoked_at.is_not(None)}


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


def project(connection: Connection, project_uuid: str) -> Project:
    """Read the project with this public id; raises `NotFound`."""
    found = first(connection, Project, select(PROJECT).where(PROJECT.c.uuid == project_uuid))
    if found is None:
        raise NotFound("project", project_uuid)
    return found


def lock_project(connection: Connection, project: Project) -> Project:
    """Read a project that nobody else writes before this transaction ends."""
    return exactly_one(connection, Project, select(PROJECT).where(PROJECT.c.id == project.id).with_for_update())


def projects(connection: Connection) -> list[Project]:
    """List every project, oldest first."""
    return many(connection, Project, select(PROJECT).order_by(PROJECT.c.id))


def rename_project(connection: Connection, project: Project, name: str) -> None:
    """Give a project another name."""
    connection.execute(update(PROJECT).where(PROJECT.c.id == project.id).values(name=name))


def set_credit_budget(connection: Connection, project: Project, budget: int | None) -> Project:
    """Let a project use so many credits in a billing period, whatever its plan allows for; `None` is no limit."""
    changed = update(PROJECT).where(PROJECT.c.id == project.id).values(credit_budget=budget).returning(PROJECT)
    return exactly_one(connection, Project, changed)


def create_key(
    connection: Connection, project: Project, name: str, now: datetime, *, secret: str | None = None
) -> NewKey:
    """Insert a key of a project; `secret` is made up when there is none."""
    secret = secret or "hbk_" + "".join(secrets.choice(ALPHABET) for _ in range(40))
    key = NewKey(new_id("key"), name, secret)
    connection.execute(
        KEY.insert().values(
            uuid=key.uuid, project_id=project.id, name=name, prefix=secret[:8], hash=digest(secret), created_at=now
        )
    )
    return key


def keys(connection: Connection, project: Project) -> list[ApiKey]:
    """List a project's keys, revoked ones too, oldest first."""
    return many(connection, ApiKey, select(KEY).where(KEY.c.project_id == project.id).order_by(KEY.c.id))


def key_page(connection: Connection, project: Project, wanted: ListFilter, page: Page) -> tuple[list[ApiKey], int]:
    """Read one page of a project's keys, those that work first, each oldest first, and how many there are in all.

    Words stand in the name; `show` is a key of `SHOWN_KEYS`.
    """
    which = [KEY.c.project_id == project.id, *having_words(wanted.words, KEY.c.uuid, KEY.c.name, KEY.c.prefix)]
    which += [SHOWN_KEYS[wanted.show]] if wanted.show else []
    total = connection.execute(select(func.count()).select_from(KEY).where(*which)).scalar_one()
    in_order = select(KEY).where(*which).order_by(KEY.c.revoked_at.is_not(None), KEY.c.id)
    return many(connection, ApiKey, in_order.limit(page.size).offset(page.offset)), total


def revoke_key(connection: Connection, project: Project, key_uuid: str, now: datetime) -> None:
    """Make a key useless from now on; revoking twice is a success. Raises `NotFound`."""
    which = (KEY.c.uuid == key_uuid) & (KEY.c.project_id == project.id)
    if connection.execute(select(KEY.c.id).where(which)).first() is None:
        raise NotFound("key", key_uuid)
    connection.execute(update(KEY).where(which, KEY.c.revoked_at.is_(None)).values(revoked_at=now))


def project_of_key(connection: Connection, secret: str) -> Project | None:
    """Read the project a key opens; `None` when the key is unknown or revoked."""
    statement = (
        select(PROJECT)
        .join(KEY, KEY.c.project_id == PROJECT.c.id)
        .where(KEY.c.hash == digest(secret), KEY.c.revoked_at.is_(None))
    )
    return first(connection, Project, statement)


def digest(secret: str) -> str:
    """Hash a key as the store keeps it. Keys are 200 random bits, so a fast hash is enough."""
    return sha256(secret.encode()).hexdigest()
