"""`heartbeat project`: its commands and their options."""

from typing import Annotated

import typer

from heartbeat.cli import options
from heartbeat.cli.options import AsJson
from heartbeat.settings import Settings

project_app = typer.Typer(help="Projects: who owns bots.")


@project_app.command("create")
def create_project(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    project_uuid: Annotated[str | None, typer.Option("--id", help="A public id of your choice.")] = None,
    plan: Annotated[str, typer.Option(help="One of the plans of the settings.")] = "self_hosted",
    anchor_day: Annotated[int, typer.Option(min=1, max=31, help="Day of the month its billing period begins.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create a project; `heartbeat key create` then makes a key for it."""
    from heartbeat.cli import projects

    projects.create_project(Settings(), projects.NewProject(name, project_uuid, plan, anchor_day), as_json)


@project_app.command("list")
def list_projects(as_json: AsJson = False) -> None:
    """List all projects, oldest first."""
    from heartbeat.cli import projects

    projects.list_projects(Settings(), as_json)


# A negative number is an argument here, no option.
@project_app.command("grant", context_settings={"ignore_unknown_options": True})
def grant_credits(
    project_uuid: Annotated[str, typer.Argument(metavar="project", help="The project's id.")],
    amount: options.GrantedCredits,
    note: Annotated[str | None, typer.Option(help="What for; kept with the entry.")] = None,
    key: Annotated[str | None, typer.Option(help="The same key grants once, however often it is run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a project credits on top of its plan, in the billing period of now."""
    from heartbeat.cli import ledger

    ledger.grant_credits(Settings(), ledger.NewGrant(project_uuid, amount, note, key), as_json)


@project_app.command("budget")
def set_budget(
    project_uuid: Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.")],
    amount: Annotated[str, typer.Argument(metavar="CREDITS", help="How many in a billing period, or none.")],
) -> None:
    """Limit what a project may use in a billing period, whatever its plan allows for."""
    from heartbeat.cli import ledger

    ledger.set_budget(Settings(), project_uuid, amount)
