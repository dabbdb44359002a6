"""`heartbeat project` and `heartbeat sign-in`, for operators who can reach the database."""

import re
from dataclasses import dataclass

import typer
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from heartbeat.cli.database import read_database, shell_actor, write_database
from heartbeat.cli.output import print_rows, print_values, timestamp
from heartbeat.domain.errors import Conflict
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.projects import projects as store
from heartbeat.store.tables.projects import Project
from heartbeat.up.first_project import create_first_project
from heartbeat.up.sign_in import sign_in_url

PROJECT_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True)
class NewProject:
    """A project to create; `anchor_day` is the day of the month (1 to 31) its billing period begins."""

    name: str
    uuid: str | None
    plan: str
    anchor_day: int


def create_project(settings: Settings, project: NewProject, as_json: bool) -> None:
    """Create a project and print its id; raises `BadParameter`, or `Conflict` when the id is taken."""
    if project.plan not in settings.plans:
        raise typer.BadParameter(f"there is no plan {project.plan!r}; choose one of {', '.join(settings.plans)}")
    if project.uuid is not None and not PROJECT_ID.fullmatch(project.uuid):
        raise typer.BadParameter("--id may hold 1 to 64 letters, digits, points, hyphens and underscores")
    try:
        row = write_database(
            settings,
            store.create_project,
            project.name,
            read_database(settings, database_time),
            uuid=project.uuid,
            plan=project.plan,
            anchor_day=project.anchor_day,
        )
    except IntegrityError as problem:
        message = f"There is a project {project.uuid!r} already; choose another --id."
        raise Conflict("project_exists", message) from problem
    print_values({"project": row.uuid}, f"Make a key for it: heartbeat key create --project {row.uuid}", as_json)


def create_named_project(settings: Settings) -> None:
    """Create the project and the key that the settings name, unless the database has a project, and print them."""
    if settings.project_id is None and settings.api_key is None:
        return
    first = write_database(settings, create_first_project, settings, read_database(settings, database_time))
    if first is None:
        return
    if first.secret:
        values = {"project": first.project_uuid, "key": first.secret}
        print_values(values, "Keep the key: it is not shown again.", as_json=False)
    else:
        print_values({"project": first.project_uuid}, "Its key is the one of HEARTBEAT_API_KEY.", as_json=False)


def list_projects(settings: Settings, as_json: bool) -> None:
    """Print every project, oldest first."""
    rows = [
        [project.uuid, project.name, project.plan, project.period_anchor_day, timestamp(project.created_at)]
        for project in read_database(settings, store.projects)
    ]
    print_rows(["id", "name", "plan", "anchor_day", "created"], rows, as_json)


def print_sign_in_link(settings: Settings, project_uuid: str | None) -> None:
    """Print a link that signs in to the named or only project once; raises `Conflict` when no admin key of it works."""
    project = read_database(settings, named_or_only_project, project_uuid)
    url = sign_in_url(settings, settings.public_url or settings.api_url(), project.uuid, shell_actor())
    if url is None:
        raise Conflict("no_key", "The project has no admin key that works; make one with `heartbeat key create`.")
    typer.echo(url)


def named_or_only_project(connection: Connection, project_uuid: str | None) -> Project:
    """Read the named project, or the only one; raises `NotFound`, or `Conflict` when there is none or a choice."""
    if project_uuid:
        return store.project(connection, project_uuid)
    projects = store.projects(connection)
    if len(projects) == 1:
        return projects[0]
    if not projects:
        raise Conflict("no_project", "There is no project yet; make one with `heartbeat project create NAME`.")
    message = f"There are {len(projects)} projects; name one with --project (`heartbeat project list` shows them)."
    raise Conflict("which_project", message)
