"""`heartbeat user`, for operators who can reach the database."""

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import read_database, shell_actor, write_database
from heartbeat.cli.options import AsJson, ProjectId
from heartbeat.cli.output import print_rows, print_values, timestamp
from heartbeat.cli.projects import named_or_only_project
from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.domain.people import MEMBER_ROLES
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.tables.users import User
from heartbeat.store.users import invitations, memberships, passwords, second_factor, users
from heartbeat.tool_servers.links import public_url

COLUMNS = ["email", "name", "project", "role", "id"]
LAST_ADMIN = (
    "{email} is the last admin of {projects}: make somebody else an admin first with `heartbeat user role`, or leave "
    "none with --force."
)
SEND = "Give the link to that person: it works once."

user_app = typer.Typer(help="People: who signs in to the dashboard, and what they may do in which project.")
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


@user_app.command("invite")
def invite(
    email: Email,
    project_uuid: ProjectId = None,
    role: Annotated[str, typer.Option(help=f"What they may do: {', '.join(MEMBER_ROLES)}.")] = "viewer",
    as_json: AsJson = False,
) -> None:
    """Print a link with which a person becomes a member of a project, once and within seven days."""
    settings = Settings()
    now = read_database(settings, database_time)
    made = write_database(settings, _invite, email, project_uuid, role, now)
    values = {"link": _link(settings, "join", made.token), "until": timestamp(made.row.expires_at) or ""}
    print_values(values, SEND, as_json)


@user_app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List everybody, with a line for each project that they are members of."""
    print_rows(COLUMNS, read_database(Settings(), _rows), as_json)


@user_app.command("role")
def change_role(
    email: Email,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(MEMBER_ROLES)}.")],
    project_uuid: ProjectId = None,
) -> None:
    """Give a member another role in a project. They have to sign in again."""
    write_database(Settings(), _change_role, email, role, project_uuid)
    typer.echo(f"{email} is {role}.")


@user_app.command("remove")
def remove(
    email: Email,
    project_uuid: Annotated[str | None, typer.Option("--project", help="Only from this project.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also the last admin of a project.")] = False,
) -> None:
    """Remove a person from a project, or from all of them with their account."""
    settings = Settings()
    write_database(settings, _remove, email, project_uuid, force, read_database(settings, database_time))
    typer.echo(f"{email} is removed.")


@user_app.command("reset-password")
def reset_password(email: Email, as_json: AsJson = False) -> None:
    """Print a link with which a person sets another password, once and within a day."""
    settings = Settings()
    token = write_database(settings, _reset, email, read_database(settings, database_time))
    print_values({"link": _link(settings, "new-password", token)}, SEND, as_json)


@user_app.command("reset-second-factor")
def reset_second_factor(email: Email) -> None:
    """Turn off the second factor of a person who has lost it."""
    write_database(Settings(), _reset_second_factor, email)
    typer.echo(f"{email} signs in with the password alone.")


def _link(settings: Settings, page: str, token: str) -> str:
    return f"{public_url(settings)}/{page}?token={token}"


def _invite(
    connection: Connection, email: str, project_uuid: str | None, role: str, now: datetime
) -> invitations.NewInvitation:
    project = named_or_only_project(connection, project_uuid)
    return invitations.invite(connection, project, email, role, shell_actor().words, now)


def _rows(connection: Connection) -> list[list[str | None]]:
    found: list[list[str | None]] = []
    for user in users.users(connection):
        own = memberships.memberships_of(connection, user.id) or [("", "")]
        found += [[user.email, user.name, project or None, role or None, user.uuid] for project, role in own]
    return found


def _change_role(connection: Connection, email: str, role: str, project_uuid: str | None) -> None:
    user = _user(connection, email)
    memberships.change_role(connection, named_or_only_project(connection, project_uuid), user.uuid, role)


def _remove(connection: Connection, email: str, project_uuid: str | None, force: bool, now: datetime) -> None:
    user = _user(connection, email)
    project = named_or_only_project(connection, project_uuid) if project_uuid is not None else None
    try:
        if project is not None:
            memberships.dismiss(connection, project, user.uuid, also_last_admin=force)
        else:
            memberships.remove_user(connection, user, now, also_last_admin=force)
    except Conflict as problem:
        led = [project] if project else memberships.led_alone(connection, user.id)
        names = ", ".join(f"{one.name} ({one.uuid})" for one in led)
        raise Conflict(problem.code, LAST_ADMIN.format(email=user.email, projects=names)) from None


def _reset(connection: Connection, email: str, now: datetime) -> str:
    return passwords.new_reset(connection, _user(connection, email), now)


def _reset_second_factor(connection: Connection, email: str) -> None:
    second_factor.turn_off(connection, _user(connection, email).id)


def _user(connection: Connection, email: str) -> User:
    user = users.user_by_email(connection, email)
    if user is None:
        raise NotFound("user", email)
    return user
