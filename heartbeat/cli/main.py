"""The command `heartbeat`. Every error a user can mend is one line on stderr and exit code 1 or 2."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from alembic.util import CommandError
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from heartbeat.cli import ledger as books
from heartbeat.cli import projects
from heartbeat.cli.settings_errors import explain
from heartbeat.domain.errors import ProductError
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.store import migrate as migrations
from heartbeat.up.preflight import CannotStart
from heartbeat.up.stack import PYTHON

app = typer.Typer(
    name="heartbeat",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
project_app = typer.Typer(help="Projects: who owns bots.")
key_app = typer.Typer(help="Keys: what opens a project's API.")
app.add_typer(project_app, name="project")
secrets_app = typer.Typer(help="Secret keys: what headers of tools and secrets of targets are kept encrypted with.")
app.add_typer(key_app, name="key")
app.add_typer(secrets_app, name="secrets")

DataDir = Annotated[
    Path | None, typer.Option(help="Where everything is kept (HEARTBEAT_DATA_DIR; .heartbeat).", show_default=False)
]
ApiPort = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="The API's port (8400).", show_default=False)
]
TemporalPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="The embedded Temporal's port (7233).", show_default=False)
]
UiPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="The port of Temporal's UI (8233).", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Owner = Annotated[str | None, typer.Option("--project", help="Project id; not needed while there is only one.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")]


@app.callback()
def alone(context: typer.Context) -> None:
    """Run AI agents on a schedule: budgeted, logged and durable."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def up(
    data_dir: DataDir = None,
    port: ApiPort = None,
    temporal_port: TemporalPort = None,
    ui_port: UiPort = None,
    workers: Workers = 1,
) -> None:
    """Run everything in this terminal: Temporal, the API and a worker. With TEMPORAL_ADDRESS set, use that cluster."""
    from heartbeat.up import command

    command.up(_settings(data_dir, port, temporal_port, ui_port), workers)


@app.command()
def demo(
    data_dir: DataDir = None, port: ApiPort = None, temporal_port: TemporalPort = None, ui_port: UiPort = None
) -> None:
    """Run everything, with a bot whose heartbeat fires every minute, and follow its runs until Ctrl-C."""
    from heartbeat.demo import command

    command.demo(_settings(data_dir, port, temporal_port, ui_port))


@app.command()
def api() -> None:
    """Run one API process, as the settings say."""
    _become("api")


@app.command()
def worker() -> None:
    """Run one worker process, as the settings say."""
    _become("worker")


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema, and make the first project when the settings name it."""
    settings = Settings()
    migrations.upgrade(settings.store_url())
    typer.echo(f"The database is at revision {migrations.current(settings.store_url())}.")
    projects.make_named(settings)


@app.command()
def doctor(
    ledger: Annotated[bool, typer.Option("--ledger", help="Only hold every balance to its entries.")] = False,
) -> None:
    """Check settings, database, migrations, Temporal, worker and model, and say how to mend what is broken."""
    if ledger:
        raise typer.Exit(books.check(Settings()))
    from heartbeat.cli import doctor as checks

    checks.examine(Settings)


@app.command()
def preview(
    cron_pattern: Annotated[str, typer.Argument(help="Five fields, such as '0 9 * * 1-5'.")],
    timezone: Annotated[str, typer.Option(help="An IANA name.")] = "UTC",
    count: Annotated[int, typer.Option(min=1, max=100, help="How many ticks to show.")] = 10,
    budget: Annotated[int | None, typer.Option(min=0, help="Credits a month, to see how long they last.")] = None,
) -> None:
    """Show when a cron pattern fires: its next ticks, what daylight saving does to them, and runs a month."""
    from heartbeat.cli import preview as preview_table

    preview_table.show(cron_pattern, timezone, count, budget)


@app.command()
def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what differs.")] = False,
) -> None:
    """Compare all schedules in Temporal with the heartbeats' rows, and put right what differs."""
    from heartbeat.cli import reconcile as reconcile_command

    reconcile_command.run(Settings(), dry_run)


@app.command()
def rehearse(
    heartbeat: Annotated[str, typer.Argument(metavar="HEARTBEAT", help="The heartbeat's id.")],
    owner: Owner = None,
    as_json: AsJson = False,
) -> None:
    """Run a heartbeat without its deeds: what it would have called, whom it would have told, what it costs."""
    from heartbeat.cli import rehearse as rehearsing

    rehearsing.run(Settings(), heartbeat, owner, as_json)


@app.command()
def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run that has ended (log_…).")],
    prompt: Annotated[str | None, typer.Option(help="Another prompt than the run's.")] = None,
    model: Annotated[str | None, typer.Option(help="Another model, as provider:name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model again what a run was asked, with the same results of its tools, and compare. Writes nothing."""
    from heartbeat.cli import replay_view

    replay_view.run(Settings(), run, prompt, model, as_json)


@project_app.command("create")
def create_project(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    uuid: Annotated[str | None, typer.Option("--id", help="A public id of your choice.")] = None,
    plan: Annotated[str, typer.Option(help="One of the plans of the settings.")] = "self_hosted",
    anchor_day: Annotated[int, typer.Option(min=1, max=31, help="Day of the month its billing period begins.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Create a project; `heartbeat key create` then makes a key for it."""
    projects.create(Settings(), projects.NewProject(name, uuid, plan, anchor_day), as_json)


@project_app.command("list")
def list_projects(as_json: AsJson = False) -> None:
    """List all projects, oldest first."""
    projects.list_projects(Settings(), as_json)


# A negative number is no option.
@project_app.command("grant", context_settings={"ignore_unknown_options": True})
def grant(
    project: Annotated[str, typer.Argument(help="The project's id.")],
    credits: Annotated[  # noqa: A002
        int,
        typer.Argument(
            min=-books.MOST_CREDITS, max=books.MOST_CREDITS, help="How many; less than none takes some back."
        ),
    ],
    note: Annotated[str | None, typer.Option(help="What for; kept with the entry.")] = None,
    key: Annotated[str | None, typer.Option(help="The same key grants once, however often it is run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a project credits on top of its plan, in the billing period of now."""
    books.give(Settings(), project, credits, note, key, as_json)


@key_app.command("create")
def create_key(
    owner: Owner = None, name: Annotated[str, typer.Option(help="What it is for.")] = "key", as_json: AsJson = False
) -> None:
    """Create a key; it is shown this once."""
    projects.make_key(Settings(), owner, name, as_json)


@key_app.command("list")
def list_keys(owner: Owner = None, as_json: AsJson = False) -> None:
    """List a project's keys, revoked ones too."""
    projects.list_keys(Settings(), owner, as_json)


@key_app.command("revoke")
def revoke_key(
    uuid: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as `key list` shows it.")],
) -> None:
    """Make a key useless from now on."""
    projects.revoke(Settings(), uuid)


@secrets_app.command("new")
def new_secret_key() -> None:
    """Print a fresh key, as HEARTBEAT_SECRET_KEYS takes it."""
    typer.echo(new_key())


@secrets_app.command("rotate")
def rotate_secrets() -> None:
    """Seal everything anew with the first key of HEARTBEAT_SECRET_KEYS."""
    from heartbeat.cli import secrets

    raise typer.Exit(secrets.rotate(Settings()))


def main() -> NoReturn:
    """The entry point: run the command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as problem:
        _fail(f"{problem.format_message()} (`--help` shows what there is)", problem.exit_code)
    except (ValidationError, SettingsError) as problem:
        _fail(explain(problem))
    except DBAPIError as problem:
        _fail(f"The database cannot be used: {problem.orig}")
    except (CannotStart, ProductError, CommandError, SQLAlchemyError, OSError) as problem:
        _fail(str(problem))
    sys.exit(code or 0)


def _settings(data_dir: Path | None, port: int | None, temporal_port: int | None, ui_port: int | None) -> Settings:
    flags = {"port": port, "temporal_port": temporal_port, "temporal_ui_port": ui_port}
    settings = Settings()
    directory = (data_dir or settings.data_dir).expanduser().absolute()
    return settings.model_copy(
        update={"data_dir": directory} | {name: value for name, value in flags.items() if value is not None}
    )


def _become(module: str) -> NoReturn:
    Settings()
    sys.stdout.flush()
    os.execv(sys.executable, [*PYTHON, module])  # noqa: S606


def _fail(message: str, code: int = 1) -> NoReturn:
    line = " ".join(message.split())
    typer.echo(f"heartbeat: {line}", err=True)
    sys.exit(code)
