"""The options that several commands take, and the settings with the options of `up` and `demo` in them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings

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
Roles = Annotated[
    list[Role] | None,
    typer.Option("--role", help="Serve this role alone; may be repeated (all of them).", show_default=False),
]
# A balance is a number of 32 bits.
MAX_CREDITS = 100_000_000
Workers = Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")]
ProjectId = Annotated[str | None, typer.Option("--project", help="Project id; not needed while there is only one.")]
AnyProjectId = Annotated[str | None, typer.Option("--project", help="One project; all, if none is named.")]
Since = Annotated[str | None, typer.Option(help="Those that ended then or later: 2026-11-01T00:00 (UTC).")]
Until = Annotated[str | None, typer.Option(help="Those that ended before.")]
After = Annotated[str | None, typer.Option(help="Go on after this `position` of an earlier export.")]
OutputFile = Annotated[Path | None, typer.Option(help="A file. If it is there, the export goes on where it ends.")]
Compact = Annotated[bool, typer.Option("--compact", help="Give the room of removed rows back (SQLite).")]
BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="A file with the passphrase that the secret keys are sealed with.")
]
OnlyLedger = Annotated[bool, typer.Option("--ledger", help="Only hold every balance to its entries.")]
OnlyAudit = Annotated[bool, typer.Option("--audit", help="Only prove that the audit log is as it was written.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what differs.")]
AfterRestore = Annotated[
    bool, typer.Option("--after-restore", help="A backup was put back: first close the runs that were under way.")
]
HoldUntil = Annotated[
    str | None, typer.Option(help="When it ends by itself, as 2026-11-30T08:00 (UTC, or with an offset).")
]
GrantedCredits = Annotated[
    int,
    typer.Argument(
        metavar="credits", min=-MAX_CREDITS, max=MAX_CREDITS, help="How many; less than none takes some back."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def with_options(
    settings: Settings, data_dir: Path | None, port: int | None, temporal_port: int | None, ui_port: int | None
) -> Settings:
    """Copy the settings, with the options that were given in their place; the data directory becomes absolute."""
    ports = {"port": port, "temporal_port": temporal_port, "temporal_ui_port": ui_port}
    changes = {name: number for name, number in ports.items() if number is not None}
    directory = (data_dir or settings.data_dir).expanduser().absolute()
    return settings.model_copy(update={"data_dir": directory, **changes})


def read_time(text: str | None, option: str) -> datetime | None:
    """Read the time that an option names, in UTC if it says no other offset; raises `BadParameter`."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as problem:
        raise typer.BadParameter(f"{option}: write a time such as 2026-11-30T08:00, not {text!r}") from problem
