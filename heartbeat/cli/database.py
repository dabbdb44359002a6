"""The settings' database, opened for one query of a command."""

import os
from contextlib import closing, suppress
from getpass import getuser
from pathlib import Path
from typing import ParamSpec, TypeVar

import typer
from sqlalchemy import make_url

from heartbeat.domain.actors import Actor
from heartbeat.domain.errors import Conflict
from heartbeat.domain.text import storable_text
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey
from heartbeat.secrets.private_files import private_directory
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.sqlite_reader import Query
from heartbeat.store.migrations.migrate import compact, current, upgrade
from heartbeat.store.migrations.revisions import newest, require_not_newer
from heartbeat.store.projects.sealed_addresses import seal_addresses

P = ParamSpec("P")
T = TypeVar("T")


def migrate_database(settings: Settings, compacts: bool = False) -> None:
    """Bring the database to the newest schema and print its revision; a SQLite file perhaps to its smallest size."""
    url = settings.store_url()
    if settings.database_url is None:
        private_directory(settings.data_dir)
    upgrade(url)
    if compacts and url.startswith("sqlite"):
        compact(url)
    # What cannot be sealed now is so by `heartbeat secrets rotate`, once the key is right.
    with suppress(NoKey, CannotOpen):
        write_database(settings, seal_addresses, Keyring.from_settings(settings))
    typer.echo(f"The database is at revision {current(settings.store_url())}.")


def read_database(settings: Settings, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `query(connection, …)`; raises as `opened_database` does."""
    with closing(opened_database(settings)) as database:
        return database.read_now(query, *args, **kwargs)


def write_database(settings: Settings, change: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `change(connection, …)` in a transaction; raises as `opened_database` does."""
    with closing(opened_database(settings)) as database:
        return database.write_now(change, *args, **kwargs)


def shell_actor() -> Actor:
    """Who runs a command: the user of the operating system."""
    try:
        name = getuser()
    except (KeyError, OSError):  # A container's user without a name.
        name = str(os.getuid())
    return Actor("shell", name=storable_text(name))


def opened_database(settings: Settings) -> Database:
    """Open the database; raises `Conflict` when its schema is older than this code, `DatabaseTooNew` if newer."""
    url = settings.store_url()
    revision = _revision(url)
    require_not_newer(revision)
    if revision != newest():
        shown = make_url(url).render_as_string()
        raise Conflict("not_migrated", f"The database {shown} is not of this version; run `heartbeat migrate`.")
    return Database(url, actor=shell_actor())


def _revision(url: str) -> str | None:
    path = make_url(url).database
    # Asking for the revision would create the file.
    if url.startswith("sqlite") and not (path and Path(path).exists()):
        return None
    return current(url)
