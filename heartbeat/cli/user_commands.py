"""`heartbeat user`: its commands and their options."""

from typing import Annotated

import typer

from heartbeat.cli.options import AsJson, ProjectId
from heartbeat.domain.people import MEMBER_ROLES
from heartbeat.settings import Settings

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
    from heartbeat.cli import users

    users.invite(Settings(), email, project_uuid, role, as_json)


@user_app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List everybody, with a line for each project that they are members of."""
    from heartbeat.cli import users

    users.list_users(Settings(), as_json)


@user_app.command("role")
def change_role(
    email: Email,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(MEMBER_ROLES)}.")],
    project_uuid: ProjectId = None,
) -> None:
    """Give a member another role in a project. They have to sign in again."""
    from heartbeat.cli import users

    users.change_role(Settings(), email, role, project_uuid)


@user_app.command("remove")
def remove(
    email: Email,
    project_uuid: Annotated[str | None, typer.Option("--project", help="Only from this project.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also the last admin of a project.")] = False,
) -> None:
    """Remove a person from a project, or from all of them with their account."""
    from heartbeat.cli import users

    users.remove(Settings(), email, project_uuid, force)


@user_app.command("reset-password")
def reset_password(email: Email, as_json: AsJson = False) -> None:
    """Print a link with which a person sets another password, once and within a day."""
    from heartbeat.cli import users

    users.reset_password(Settings(), email, as_json)


@user_app.command("reset-second-factor")
def reset_second_factor(email: Email) -> None:
    """Turn off the second factor of a person who has lost it."""
    from heartbeat.cli import users

    users.reset_second_factor(Settings(), email)
