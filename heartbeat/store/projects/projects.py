"""Projects and their keys. A key is shown once, when it is made; the store keeps a hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from heartbeat.domain.errors import NotFound
from heartbeat.domain.ids import new_id
from heartbeat.secrets.key_hashes import KeyHashes, KeySecret
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.rows import columns, exactly_one, first, many
from heartbeat.store.tables.projects import ApiKey, Project

PROJECT = columns(Project)
KEY = columns(ApiKey)
NOW = bindparam("now", type_=KEY.c.created_at.type)
WORKS = KEY.c.revoked_at.is_(None) & or_(KEY.c.expires_at.is_(None), KEY.c.expires_at > NOW)


@dataclass(frozen=True)
class NewKey:
    """A key just made; `secret` is kept nowhere."""

    uuid: str
    name: str
    secret: str


@dataclass(frozen=True)
class KeyRights:
    """What a key may do: its scopes as rows keep them, the bots that it is for (`None`: all), until when, how often."""

    scopes: str = "admin"
    bot_ids: list[int] | None = None
    expires_at: datetime | None = None
    requests_per_minute: int | None = None


ALL_RIGHTS = KeyRights()


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
    made = project(connection, uuid)
    record(connection, made.id, "project.create", uuid, name, {"plan": [None, plan]})
    return made


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
    _record_fields(connection, project, {"name": name})


def set_credit_budget(connection: Connection, project: Project, budget: int | None) -> Project:
    """Let a project use so many credits in a billing period, whatever its plan allows for; `None` is no limit."""
    changed = update(PROJECT).where(PROJECT.c.id == project.id).values(credit_budget=budget).returning(PROJECT)
    _record_fields(connection, project, {"credit_budget": budget})
    return exactly_one(connection, Project, changed)


def _record_fields(connection: Connection, project: Project, values: dict[str, Any]) -> None:
    changes = field_changes(vars(project), values)
    record(connection, project.id, "project.update", project.uuid, project.name, changes)


def create_key(
    connection: Connection,
    project: Project,
    name: str,
    now: datetime,
    *,
    secret: KeySecret | None = None,
    rights: KeyRights = ALL_RIGHTS,
) -> NewKey:
    """Insert a key of a project; `secret` is made up when there is none."""
    secret = secret or KeyHashes().make()
    key = NewKey(new_id("key"), name, secret.text)
    row = {
        "uuid": key.uuid,
        "project_id": project.id,
        "name": name,
        "prefix": secret.beginning,
        "hash": secret.hash,
        "created_at": now,
        **vars(rights),
    }
    connection.execute(KEY.insert().values(row))
    record(connection, project.id, "key.create", key.uuid, name, field_changes({}, vars(rights)))
    return key


def project_of_key(connection: Connection, hashes: Sequence[str], now: datetime) -> Project | None:
    """Read the project that a key opens which is kept by one of these hashes; `None` when there is none that works."""
    statement = select(PROJECT).join(KEY, KEY.c.project_id == PROJECT.c.id).where(KEY.c.hash.in_(hashes), WORKS)
    return first(connection, Project, statement, {"now": now})


def digest(secret: str) -> str:
    """Hash a token of ours as the store keeps it: they are random and long, so a fast hash is enough."""
    return sha256(secret.encode()).hexdigest()
