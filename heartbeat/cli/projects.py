"""Projects and keys on the command line, for whoever can reach the database."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import IntegrityError

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.settings import Settings
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.store.projects.projects import create_key, create_project, keys, project, projects, revoke_key
from heartbeat.store.tables.projects import Project
from heartbeat.up.first import make_first

T = TypeVar("T")
PROJECT_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class NewProject:
    """What a new project is given; `anchor_day` is the day of the month its billing period begins."""

    name: str
    uuid: str | None
    plan: str
    anchor_day: int


def create(settings: Settings, wanted: NewProject, as_json: bool) -> None:
    """Create a project and print its id."""
    if wanted.plan not in settings.plans:
        raise typer.BadParameter(f"there is no plan {wanted.plan!r}; choose one of {', '.join(settings.plans)}")
    if wanted.uuid is not None and not PROJECT_ID.fullmatch(wanted.uuid):
        raise typer.BadParameter("--id may hold 1 to 64 letters, digits, points, hyphens and underscores")

    def work(connection: Connection) -> Project:
        now = datetime.now(UTC)
        return create_project(
            connection, wanted.name, now, uuid=wanted.uuid, plan=wanted.plan, anchor_day=wanted.anchor_day
        )

    try:
        made = write_store(settings, work)
    except IntegrityError as problem:
        message = f"There is a project {wanted.uuid!r} already; choose another --id."
        raise Conflict("project_exists", message) from problem
    show_one({"project": made.uuid}, f"Make a key for it: heartbeat key create --project {made.uuid}", as_json)


def make_named(settings: Settings) -> None:
    """Make the first project and key and print them, if the settings name either and there is no project yet."""
    if settings.project_id is None and settings.api_key is None:
        return
    first = write_store(settings, lambda connection: make_first(connection, settings, datetime.now(UTC)))
    if first is None:
        return
    if first.secret:
        show_one({"project": first.project, "key": first.secret}, "Keep the key: it is not shown again.", False)
    else:
        show_one({"project": first.project}, "Its key is the one of HEARTBEAT_API_KEY.", False)


def list_projects(settings: Settings, as_json: bool) -> None:
    """Print every project, oldest first."""
    found = read_store(settings, projects)
    rows = [[one.uuid, one.name, one.plan, one.period_anchor_day, _time(one.created_at)] for one in found]
    _show_all(["id", "name", "plan", "anchor_day", "created"], rows, as_json)


def make_key(settings: Settings, owner: str | None, name: str, as_json: bool) -> None:
    """Create a key of the project `owner`, or of the only one there is, and print it this once."""

    def work(connection: Connection) -> dict[str, str]:
        found = which_project(connection, owner)
        made = create_key(connection, found, name, datetime.now(UTC))
        return {"project": found.uuid, "id": made.uuid, "key": made.secret}

    show_one(write_store(settings, work), "Keep the key: it is not shown again.", as_json)


def list_keys(settings: Settings, owner: str | None, as_json: bool) -> None:
    """Print the keys of a project, revoked ones too; of the keys themselves only the beginnings are known."""
    found = read_store(settings, lambda connection: keys(connection, which_project(connection, owner)))
    rows = [[one.uuid, one.name, one.prefix, _time(one.created_at), _time(one.revoked_at)] for one in found]
    _show_all(["id", "name", "begins", "created", "revoked"], rows, as_json)


def revoke(settings: Settings, uuid: str) -> None:
    """Make a key useless from now on, whichever project it belongs to; raises `NotFound`."""

    def work(connection: Connection) -> None:
        owners = (one for one in projects(connection) if any(key.uuid == uuid for key in keys(connection, one)))
        owner = next(owners, None)
        if owner is None:
            raise NotFound("key", uuid)
        revoke_key(connection, owner, uuid, datetime.now(UTC))

    write_store(settings, work)
    typer.echo(f"{uuid} is revoked.")


def which_project(connection: Connection, uuid: str | None) -> Project:
    """The project that was named, else the only one there is."""
    if uuid:
        return project(connection, uuid)
    found = projects(connection)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Conflict("no_project", "There is no project yet; make one with `heartbeat project create NAME`.")
    message = f"There are {len(found)} projects; name one with --project (`heartbeat project list` shows them)."
    raise Conflict("which_project", message)


def read_store(settings: Settings, work: Callable[[Connection], T]) -> T:
    """What `work` reads in the settings' database; raises `Conflict` when that is not of this version."""
    return _with_database(settings, lambda database: database.read_now(work))


def write_store(settings: Settings, work: Callable[[Connection], T]) -> T:
    """`read_store` in a transaction that may write."""
    return _with_database(settings, lambda database: database.write_now(work))


def _with_database(settings: Settings, work: Callable[[Database], T]) -> T:
    url = settings.store_url()
    if not _is_migrated(url):
        shown = make_url(url).render_as_string()
        raise Conflict("not_migrated", f"The database {shown} is not of this version; run `heartbeat migrate`.")
    database = Database(url)
    try:
        return work(database)
    finally:
        database.close()


def _is_migrated(url: str) -> bool:
    path = make_url(url).database
    if url.startswith("sqlite") and not (path and Path(path).exists()):
        return False
    return migrate.current(url) == migrate.newest()


def show_one(values: Mapping[str, str | int], advice: str, as_json: bool) -> None:
    """Print what was made: a line a value and one of advice, or JSON."""
    if as_json:
        typer.echo(json.dumps(values))
        return
    for name, value in values.items():
        typer.echo(f"{name:<8} {value}")
    typer.echo(advice)


def _show_all(columns: list[str], rows: Sequence[Sequence[str | int | None]], as_json: bool) -> None:
    """JSON if asked for, a table on a terminal, else lines with tabs between the fields."""
    console = Console(emoji=False)
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows]))
        return
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if console.is_terminal:
        table = Table(*columns, box=None)
        for row in texts:
            table.add_row(*map(escape, row))
        console.print(table)
        return
    for row in texts:
        typer.echo("\t".join(row))


def _time(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
