"""`heartbeat key`, for operators who can reach the database."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import read_database, write_database
from heartbeat.cli.options import AsJson, ProjectId
from heartbeat.cli.output import print_rows, print_values, timestamp
from heartbeat.cli.projects import named_or_only_project
from heartbeat.domain.errors import NotFound
from heartbeat.domain.field_types import MAX_NUMBER
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


key_app = typer.Typer(help="Keys: what opens a project's API.")
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as `key list` shows it.")]


@key_app.command("create")
def create(  # noqa: PLR0913 - options
    project_uuid: ProjectId = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "key",
    may: Annotated[
        list[str] | None,
        typer.Option(help="A preset or a scope; may be repeated (admin).", show_default=False),
    ] = None,
    bots: Annotated[
        list[str] | None, typer.Option("--bot", help="A bot that it is for; may be repeated (all).", show_default=False)
    ] = None,
    days: Annotated[
        int | None, typer.Option("--expires-in-days", min=1, max=3650, help="It ends after so many.")
    ] = None,
    requests: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, max=MAX_NUMBER, help="It may send so many.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key; it is shown this once."""
    settings = Settings()
    secret, now = KeyHashes.from_settings(settings).make(), read_database(settings, database_time)
    ends = now + timedelta(days=days) if days else None
    asked = AskedRights(_scopes(may or ["admin"]), bots, ends, requests)
    values = write_database(settings, _make_key, project_uuid, name, asked, secret, now)
    print_values(values, KEEP, as_json)


@key_app.command("list")
def list_keys(project_uuid: ProjectId = None, as_json: AsJson = False) -> None:
    """List a project's keys, those that are over too."""
    keys, bots = read_database(Settings(), _keys, project_uuid)
    print_rows(COLUMNS, [_row(key, bots) for key in keys], as_json)


@key_app.command("rotate")
def rotate(
    key_uuid: KeyId,
    grace_hours: Annotated[int, typer.Option(min=0, max=720, help="For how long the old key still works.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Create a key that may do the same as another, which ends after a while; it is shown this once."""
    settings = Settings()
    secret, now = KeyHashes.from_settings(settings).make(), read_database(settings, database_time)
    values = write_database(settings, _rotate, key_uuid, timedelta(hours=grace_hours), secret, now)
    print_values(values, KEEP, as_json)


@key_app.command("revoke")
def revoke(key_uuid: KeyId) -> None:
    """Make a key useless from now on."""
    settings = Settings()
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
