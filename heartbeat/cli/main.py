"""The command `heartbeat`. Every error a user can mend is one line on stderr and exit code 1 or 2."""

import json
import os
import sys
from importlib import metadata
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from heartbeat.cli import options
from heartbeat.cli.key_commands import key_app
from heartbeat.cli.options import (
    ApiPort,
    AsJson,
    DataDir,
    ProjectId,
    Roles,
    TemporalPort,
    UiPort,
    Workers,
    with_options,
)
from heartbeat.cli.output import print_error
from heartbeat.cli.project_commands import project_app
from heartbeat.cli.settings_errors import explain
from heartbeat.cli.user_commands import user_app
from heartbeat.domain.errors import ProductError
from heartbeat.domain.secret_keys import new_key
from heartbeat.settings import Settings
from heartbeat.up.preflight import CannotStart
from heartbeat.up.python import PYTHON

app = typer.Typer(
    name="heartbeat",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
secrets_app = typer.Typer(help="Secret keys: what headers of tools and secrets of targets are kept encrypted with.")
export_app = typer.Typer(help="Export: what is kept, as files.")
tool_app = typer.Typer(help="Tools: the MCP servers of bots.")
app.add_typer(project_app, name="project")
app.add_typer(key_app, name="key")
app.add_typer(user_app, name="user")
app.add_typer(secrets_app, name="secrets")
app.add_typer(tool_app, name="tool")
app.add_typer(export_app, name="export")

# What a command needs is imported when it is called: `--help`, `api` and `worker` wait for no database's library.


@app.callback()
def show_help(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Run AI agents on a schedule: budgeted, logged and durable."""
    if version:
        typer.echo(f"heartbeat {metadata.version('heartbeat-server')}")
    elif context.invoked_subcommand is None:
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
    from heartbeat.up.command import run_up

    run_up(with_options(Settings(), data_dir, port, temporal_port, ui_port), workers)


@app.command()
def demo(
    data_dir: DataDir = None,
    port: ApiPort = None,
    temporal_port: TemporalPort = None,
    ui_port: UiPort = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the link to the dashboard.")] = False,
) -> None:
    """Run everything, with a bot whose heartbeat fires every minute, and follow its runs until Ctrl-C."""
    from heartbeat.demo.command import run_demo

    run_demo(with_options(Settings(), data_dir, port, temporal_port, ui_port), opens_browser=not no_browser)


@app.command("sign-in")
def sign_in(project_uuid: ProjectId = None) -> None:
    """Print a link that signs in to the dashboard once, within ten minutes."""
    from heartbeat.cli import projects

    projects.print_sign_in_link(Settings(), project_uuid)


@app.command()
def api() -> None:
    """Run one API process, as the settings say."""
    _become("api")


@app.command()
def worker(roles: Roles = None) -> None:
    """Run one worker process, as the settings say."""
    if roles:
        os.environ["HEARTBEAT_WORKER_ROLES"] = json.dumps(roles)
    _become("worker")


@app.command()
def migrate(compact: options.Compact = False) -> None:
    """Bring the database to the newest schema, and make the first project when the settings name it."""
    from heartbeat.cli import projects
    from heartbeat.cli.database import migrate_database

    settings = Settings()
    migrate_database(settings, compact)
    projects.create_named_project(settings)


@app.command()
def doctor(only_ledger: options.OnlyLedger = False, only_audit: options.OnlyAudit = False) -> None:
    """Check settings, database, migrations, Temporal, worker and model, and say how to mend what is broken."""
    if only_ledger:
        from heartbeat.cli import ledger

        raise typer.Exit(ledger.check_ledger(Settings()))
    if only_audit:
        from heartbeat.cli import audit

        raise typer.Exit(audit.check_audit(Settings()))
    from heartbeat.cli.doctor import check_installation

    check_installation(Settings)


@app.command()
def preview(
    cron_pattern: Annotated[str, typer.Argument(help="Five fields, such as '0 9 * * 1-5'.")],
    timezone: Annotated[str, typer.Option(help="An IANA name.")] = "UTC",
    count: Annotated[int, typer.Option(min=1, max=100, help="How many ticks to show.")] = 10,
    budget: Annotated[int | None, typer.Option(min=0, help="Credits a month, to see how long they last.")] = None,
) -> None:
    """Show when a cron pattern fires: its next ticks, what daylight saving does to them, and runs a month."""
    from heartbeat.cli.preview import print_preview

    print_preview(cron_pattern, timezone, count, budget, Settings())


@app.command()
def reconcile(dry_run: options.DryRun = False, after_restore: options.AfterRestore = False) -> None:
    """Compare all schedules in Temporal with the heartbeats' rows, and put right what differs."""
    from heartbeat.cli.reconcile import reconcile_all

    reconcile_all(Settings(), dry_run=dry_run, after_restore=after_restore)


@app.command()
def backup(file: options.BackupFile, passphrase_file: options.PassphraseFile = None) -> None:
    """Write the embedded stack's databases to one file, while everything runs."""
    from heartbeat.cli import backup

    backup.backup(Settings(), file, passphrase_file)


@app.command()
def restore(file: options.BackupFile, data_dir: DataDir = None, passphrase_file: options.PassphraseFile = None) -> None:
    """Put a backup into the data directory, and say what is not known any more. Stop `heartbeat up` first."""
    from heartbeat.cli import backup

    backup.restore(with_options(Settings(), data_dir, None, None, None), file, passphrase_file)


@app.command()
def rehearse(
    heartbeat_uuid: Annotated[str, typer.Argument(metavar="HEARTBEAT", help="The heartbeat's id.")],
    project_uuid: ProjectId = None,
    as_json: AsJson = False,
) -> None:
    """Run a heartbeat without its deeds: what it would have called, whom it would have told, what it costs."""
    from heartbeat.cli.rehearse import rehearse_heartbeat

    rehearse_heartbeat(Settings(), heartbeat_uuid, project_uuid, as_json)


@app.command()
def replay(
    run_uuid: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run that has ended (log_…).")],
    prompt: Annotated[str | None, typer.Option(help="Another prompt than the run's.")] = None,
    model: Annotated[str | None, typer.Option(help="Another model, as provider:name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model again what a run was asked, with the same results of its tools, and compare. Writes nothing."""
    from heartbeat.cli.replay_view import replay_run

    replay_run(Settings(), run_uuid, prompt, model, as_json)


@app.command()
def hold(
    reason: Annotated[str, typer.Argument(help="Why, for whoever reads the logs.")],
    until: options.HoldUntil = None,
    cancels: Annotated[bool, typer.Option("--cancel", help="Cancel the runs in progress, too.")] = False,
    project_uuid: ProjectId = None,
) -> None:
    """Put a project on hold, also while the API is down: nothing starts any more until it is released."""
    from heartbeat.cli import holds

    holds.hold(Settings(), project_uuid, holds.HoldOptions(reason, until, cancels))


@app.command()
def release(project_uuid: ProjectId = None) -> None:
    """Let a project that is on hold go on."""
    from heartbeat.cli import holds

    holds.release(Settings(), project_uuid)


@tool_app.command("connect")
def connect_tool(
    tool_uuid: Annotated[str, typer.Argument(metavar="TOOL", help="The tool's id, as its page and the API show it.")],
    goes_anywhere: Annotated[
        bool, typer.Option("--any-host", help="Do not ask before another host than the server's is spoken to.")
    ] = False,
) -> None:
    """Sign in to a tool server: print the address where a person does it, and wait until that is done."""
    from heartbeat.cli import tools

    tools.connect_tool(Settings(), tool_uuid, goes_anywhere=goes_anywhere)


@export_app.command("logs")
def export_logs(
    project_uuid: options.AnyProjectId = None,
    since: options.Since = None,
    until: options.Until = None,
    after: options.After = None,
    output: options.OutputFile = None,
) -> None:
    """Write logs as JSON Lines, each with its steps, so that they are kept longer than their plan keeps them."""
    from heartbeat.cli.export import ExportOptions, export

    export(Settings(), ExportOptions(project_uuid, since, until, after, output))


@export_app.command("audit")
def export_audit(project_uuid: options.AnyProjectId = None) -> None:
    """Write the audit log as JSON Lines, each project's in the order of its chain."""
    from heartbeat.cli import audit

    audit.export_audit(Settings(), project_uuid)


@secrets_app.command("new")
def new_secret_key() -> None:
    """Print a fresh key, as HEARTBEAT_SECRET_KEYS takes it."""
    typer.echo(new_key())


@secrets_app.command("rotate")
def rotate_secrets() -> None:
    """Seal everything anew with the first key of HEARTBEAT_SECRET_KEYS."""
    from heartbeat.cli import secrets

    raise typer.Exit(secrets.rotate_secrets(Settings()))


def main() -> NoReturn:
    """Run the command of the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as problem:
        _fail(f"{problem.format_message()} (`--help` shows what there is)", problem.exit_code)
    except typer.Abort:
        _fail("Stopped.")
    except (ValidationError, SettingsError) as problem:
        _fail(explain(problem))
    except UnicodeDecodeError as problem:
        _fail(f"A file of settings is no UTF-8 text: {problem.reason}")
    except (CannotStart, ProductError, OSError) as problem:
        _fail(str(problem))
    except Exception as problem:
        _fail(_database_error(problem))
    sys.exit(code or 0)


def _database_error(problem: Exception) -> str:
    """Say what the database's libraries raised; any other error goes on."""
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    if isinstance(problem, DBAPIError):
        return f"The database cannot be used: {problem.orig}"
    if isinstance(problem, CommandError | SQLAlchemyError):
        return str(problem)
    raise problem


def _become(module: str) -> NoReturn:
    """Replace this process by a Python module's, if the settings can be used."""
    Settings()
    sys.stdout.flush()
    os.execv(sys.executable, [*PYTHON, module])  # noqa: S606


def _fail(message: str, code: int = 1) -> NoReturn:
    print_error(message)
    sys.exit(code)
