"""`heartbeat hold` and `heartbeat release`: they need the database alone."""

from dataclasses import dataclass

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import shell_actor, write_database
from heartbeat.cli.options import read_time
from heartbeat.cli.projects import named_or_only_project
from heartbeat.domain.field_types import require_storable
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.heartbeats import project_holds as store
from heartbeat.store.tables.projects import Project


@dataclass(frozen=True)
class HoldOptions:
    """What `heartbeat hold` is given; `until` as it was written."""

    reason: str
    until: str | None
    cancels: bool


def hold(settings: Settings, project_uuid: str | None, options: HoldOptions) -> None:
    """Put the named or only project on hold and say so; raises `BadParameter` or `Invalid`."""
    new = store.NewHold(
        _reason(options.reason), read_time(options.until, "--until"), "cancel" if options.cancels else "finish"
    )
    project = write_database(settings, _hold, project_uuid, new)
    write_database(settings, store.await_openings, project)
    ends = f"until {new.until:%Y-%m-%d %H:%M} UTC" if new.until else "until `heartbeat release`"
    typer.echo(f"{project.uuid} is on hold {ends}: nothing starts any more.")
    if options.cancels:
        typer.echo("A worker cancels the runs in progress within a minute, but for those that wait for a person.")


def release(settings: Settings, project_uuid: str | None) -> None:
    """Release the named or only project and say so."""
    typer.echo(f"{write_database(settings, _release, project_uuid).uuid} is not on hold.")


def _hold(connection: Connection, project_uuid: str | None, hold: store.NewHold) -> Project:
    project = named_or_only_project(connection, project_uuid)
    store.hold_project(connection, project, hold, shell_actor().words, database_time(connection))
    return project


def _release(connection: Connection, project_uuid: str | None) -> Project:
    project = named_or_only_project(connection, project_uuid)
    store.release_project(connection, project, database_time(connection))
    return project


def _reason(text: str) -> str:
    try:
        reason = require_storable(text.strip())
    except ValueError as problem:
        raise typer.BadParameter(f"the reason {problem}") from problem
    if not 1 <= len(reason) <= store.MAX_REASON:
        raise typer.BadParameter(f"write a reason of at most {store.MAX_REASON} characters")
    return reason
