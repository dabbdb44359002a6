"""What `heartbeat user` does, for operators who can reach the database."""

from datetime import datetime

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import read_database, shell_actor, write_database
from heartbeat.cli.output import print_rows, print_values, timestamp
from heartbeat.cli.projects import named_or_only_project
from heartbeat.domain.errors import Conflict, NotFound
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


def invite(settings: Settings, email: str, project_uuid: str | None, role: str, as_json: bool) -> None:
    """Print a link with which a person becomes a member of a project."""
    now = read_database(settings, database_time)
    made = write_database(settings, _invite, email, project_uuid, role, now)
    values = {"link": _link(settings, "join", made.token), "until": timestamp(made.row.expires_at) or ""}
    print_values(values, SEND, as_json)


def list_users(settings: Settings, as_json: bool) -> None:
    """Print everybody, with a line for each project that they are members of."""
    print_rows(COLUMNS, read_database(settings, _rows), as_json)


def change_role(settings: Settings, email: str, role: str, project_uuid: str | None) -> None:
    """Give a member another role in a project."""
    write_database(settings, _change_role, email, role, project_uuid)
    typer.echo(f"{email} is {role}.")


def remove(settings: Settings, email: str, project_uuid: str | None, force: bool) -> None:
    """Remove a person from a project, or from all of them with their account."""
    write_database(settings, _remove, email, project_uuid, force, read_database(settings, database_time))
    typer.echo(f"{email} is removed.")


def reset_password(settings: Settings, email: str, as_json: bool) -> None:
    """Print a link with which a person sets another password."""
    token = write_database(settings, _reset, email, read_database(settings, database_time))
    print_values({"link": _link(settings, "new-password", token)}, SEND, as_json)


def reset_second_factor(settings: Settings, email: str) -> None:
    """Turn off the second factor of a person who has lost it."""
    write_database(settings, _reset_second_factor, email)
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
