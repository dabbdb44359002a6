"""What `heartbeat key` does, for operators who can reach the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import read_database, write_database
from heartbeat.cli.output import print_rows, print_values, timestamp
from heartbeat.cli.projects import named_or_only_project
from heartbeat.domain.errors import NotFound
from heartbeat.domain.scopes import PRESETS, Scope
from heartbeat.secrets.key_hashes import KeyHashes, KeySecret
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.projects import keys as store
from heartbeat.store.projects.key_rights import AskedRights, bots_of_keys, key_rights
from heartbeat.store.projects.projects import create_key, projects
from heartbeat.store.tables.projects import ApiKey, Project

KEEP = "Keep the key: it is not shown again."
TIMES = ["created", "expires", "revoked", "last_used"]
COLUMNS = ["id", "name", "begins", "scopes", "bots", *TIMES, "last_used_from", "requests_per_minute"]


@dataclass(frozen=True)
class AskedKey:
    """A key to create; `may` are presets and scopes, `bots` those that it is for."""

    name: str
    may: list[str]
    bots: list[str] | None
    days: int | None
    requests_per_minute: int | None


def create(settings: Settings, project_uuid: str | None, new: AskedKey, as_json: bool) -> None:
    """Create a key and print it; raises `BadParameter`."""
    secret, now = KeyHashes.from_settings(settings).make(), read_database(settings, database_time)
    ends = now + timedelta(days=new.days) if new.days else None
    asked = AskedRights(_scopes(new.may), new.bots, ends, new.requests_per_minute)
    values = write_database(settings, _make_key, project_uuid, new.name, asked, secret, now)
    print_values(values, KEEP, as_json)


def list_keys(settings: Settings, project_uuid: str | None, as_json: bool) -> None:
    """Print a project's keys, those that are over too."""
    keys, bots = read_database(settings, _keys, project_uuid)
    print_rows(COLUMNS, [_row(key, bots) for key in keys], as_json)


def rotate(settings: Settings, key_uuid: str, grace: timedelta, as_json: bool) -> None:
    """Create a key that may do the same as another and print it; that one ends after the grace."""
    secret, now = KeyHashes.from_settings(settings).make(), read_database(settings, database_time)
    values = write_database(settings, _rotate, key_uuid, grace, secret, now)
    print_values(values, KEEP, as_json)


def revoke(settings: Settings, key_uuid: str) -> None:
    """Make a key useless from now on."""
    write_database(settings, _revoke, key_uuid, read_database(settings, database_time))
    typer.echo(f"{key_uuid} is revoked.")


def _scopes(words: list[str]) -> frozenset[Scope]:
    """Read presets and scopes; raises `BadParameter`."""
    known = {**{scope.value: (scope,) for scope in Scope}, **PRESETS}
    unknown = next((word for word in words if word not in known), None)
    if unknown is not None:
        raise typer.BadParameter(f"--may: there is no preset or scope {unknown!r}; choose of {', '.join(known)}")
    return frozenset(scope for word in words for scope in known[word])


def _make_key(
    connection: Connection, project_uuid: str | None, name: str, asked: AskedRights, secret: KeySecret, now: datetime
) -> dict[str, str]:
    project = named_or_only_project(connection, project_uuid)
    rights = key_rights(connection, project, asked, now)
    key = create_key(connection, project, name, now, secret=secret, rights=rights)
    return {"project": project.uuid, "id": key.uuid, "key": key.secret}


def _row(key: ApiKey, bots: dict[int, tuple[str, str]]) -> list[str | int | None]:
    own = " ".join(bots[one][0] for one in key.bot_ids if one in bots) if key.bot_ids else None
    times = map(timestamp, (key.created_at, key.expires_at, key.revoked_at, key.last_used_at))
    return [key.uuid, key.name, key.prefix, key.scopes, own, *times, key.last_used_from, key.requests_per_minute]


def _keys(connection: Connection, project_uuid: str | None) -> tuple[list[ApiKey], dict[int, tuple[str, str]]]:
    keys = store.keys(connection, named_or_only_project(connection, project_uuid))
    return keys, bots_of_keys(connection, keys)


def _rotate(
    connection: Connection, key_uuid: str, grace: timedelta, secret: KeySecret, now: datetime
) -> dict[str, str]:
    project = _project_with(connection, key_uuid)
    new, old = store.rotate_key(connection, project, key_uuid, now, secret, grace)
    return {"project": project.uuid, "id": new.uuid, "key": new.secret, "old_ends": timestamp(old.expires_at) or ""}


def _revoke(connection: Connection, key_uuid: str, now: datetime) -> None:
    store.revoke_key(connection, _project_with(connection, key_uuid), key_uuid, now)


def _project_with(connection: Connection, key_uuid: str) -> Project:
    for project in projects(connection):
        if any(key.uuid == key_uuid for key in store.keys(connection, project)):
            return project
    raise NotFound("key", key_uuid)
