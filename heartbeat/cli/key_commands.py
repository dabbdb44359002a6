"""`heartbeat key`: its commands and their options."""

from datetime import timedelta
from typing import Annotated

import typer

from heartbeat.cli.options import AsJson, ProjectId
from heartbeat.domain.field_types import MAX_NUMBER
from heartbeat.settings import Settings

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
    from heartbeat.cli import keys

    keys.create(Settings(), project_uuid, keys.AskedKey(name, may or ["admin"], bots, days, requests), as_json)


@key_app.command("list")
def list_keys(project_uuid: ProjectId = None, as_json: AsJson = False) -> None:
    """List a project's keys, those that are over too."""
    from heartbeat.cli import keys

    keys.list_keys(Settings(), project_uuid, as_json)


@key_app.command("rotate")
def rotate(
    key_uuid: KeyId,
    grace_hours: Annotated[int, typer.Option(min=0, max=720, help="For how long the old key still works.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Create a key that may do the same as another, which ends after a while; it is shown this once."""
    from heartbeat.cli import keys

    keys.rotate(Settings(), key_uuid, timedelta(hours=grace_hours), as_json)


@key_app.command("revoke")
def revoke(key_uuid: KeyId) -> None:
    """Make a key useless from now on."""
    from heartbeat.cli import keys

    keys.revoke(Settings(), key_uuid)
