"""What a new key may do, and for which bots: asked for by their ids, kept by their numbers."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from heartbeat.domain.errors import Invalid, NotFound
from heartbeat.domain.scopes import Scope, write_scopes
from heartbeat.store.projects.access import BOT, as_number, as_public_id
from heartbeat.store.projects.projects import KeyRights
from heartbeat.store.tables.projects import ApiKey, Project

PAST = "must be in the future"


@dataclass(frozen=True)
class AskedRights:
    """What somebody asks for: bots by their public ids or numbers (`None`: all of them), perhaps an end and a limit."""

    scopes: Set[Scope]
    bot_keys: Sequence[str] | None = None
    expires_at: datetime | None = None
    requests_per_minute: int | None = None


def key_rights(connection: Connection, project: Project, asked: AskedRights, now: datetime) -> KeyRights:
    """Read what a key is to be kept with; raises `NotFound` for a bot of another project, and `Invalid`."""
    if asked.expires_at is not None and asked.expires_at <= now:
        raise Invalid("expires_at", PAST)
    bots = None if asked.bot_keys is None else [_bot_id(connection, project, key) for key in asked.bot_keys]
    scopes, bot_ids = write_scopes(asked.scopes), bots and sorted(set(bots))
    return KeyRights(scopes, bot_ids, asked.expires_at, asked.requests_per_minute)


def bots_of_keys(connection: Connection, keys: Iterable[ApiKey]) -> dict[int, tuple[str, str]]:
    """Read the public ids and names of the bots that keys are for, by their numbers; deleted ones are not there."""
    ids = {bot_id for key in keys for bot_id in key.bot_ids or []}
    chosen = select(BOT.c.id, BOT.c.uuid, BOT.c.name).where(BOT.c.id.in_(ids), BOT.c.deleted_at.is_(None))
    return {row.id: (row.uuid, row.name) for row in connection.execute(chosen)} if ids else {}


def _bot_id(connection: Connection, project: Project, key: str) -> int:
    number = as_number(key)
    named = BOT.c.uuid == as_public_id(key) if number is None else BOT.c.id == number
    of_project = (BOT.c.project_id == project.id) & BOT.c.deleted_at.is_(None) & named
    bot_id: int | None = connection.execute(select(BOT.c.id).where(of_project)).scalar()
    if bot_id is None:
        raise NotFound("bot", key[:64])
    return bot_id
