"""`heartbeat backup` and `heartbeat restore`: what is said of both, and where a passphrase comes from."""

import sqlite3
from pathlib import Path

import typer

from heartbeat.backups.archive import TEMPORAL
from heartbeat.backups.backup import take_backup
from heartbeat.backups.restore import RestoredBackup, restore_backup
from heartbeat.cli.database import opened_database, shell_actor
from heartbeat.cli.reconcile import unknown
from heartbeat.cli.secrets_check import check_secrets
from heartbeat.domain.errors import Unavailable
from heartbeat.settings import Settings
from heartbeat.up.preflight import data_directory

OTHER_KEYS = (
    "WARNING: the secret keys that are there are not those of the backup: {problem} ({mend}). Put the right "
    "secrets.key there, or set HEARTBEAT_SECRET_KEYS, before you start."
)


def backup(settings: Settings, file: Path, passphrase_file: Path | None) -> None:
    """Write a backup and say what is in it. Raises `Conflict` for another database, and `Unavailable`."""
    opened_database(settings).close()
    passphrase = _passphrase(passphrase_file)
    try:
        taken = take_backup(settings, file, passphrase)
    except sqlite3.Error as problem:
        raise Unavailable("no_backup", f"The databases could not be copied: {problem}.") from problem
    except OSError as problem:
        raise Unavailable("no_backup", f"{file} could not be written: {problem.strerror}.") from problem
    parts = ["heartbeat.db", *(["temporal.db"] if taken.has_temporal else [])]
    parts += ["the secret keys, sealed"] if taken.has_keys else []
    typer.echo(f"{file}: {', '.join(parts)}.")
    if not taken.has_keys:
        typer.echo("The secret keys are not in it. Keep them apart: without them sealed headers do not open.")


def restore(settings: Settings, file: Path, passphrase_file: Path | None) -> None:
    """Put a backup back and say what is not known any more. Raises as `restore_backup` does, and `CannotStart`."""
    with data_directory(settings.data_dir):
        restored = restore_backup(settings, file, _passphrase(passphrase_file), shell_actor())
    for line in _lines(restored, settings):
        typer.echo(line)


def _lines(restored: RestoredBackup, settings: Settings) -> list[str]:
    manifest, settled = restored.manifest, restored.settled
    lines = [f"{settings.data_dir} is as it was at {manifest.time:%Y-%m-%d %H:%M:%S} UTC (version {manifest.version})."]
    if restored.replaced:
        lines.append(f"What was there before is in {restored.replaced}.")
    if not restored.has_keys:
        lines.append("There are no secret keys: put secrets.key there, or set HEARTBEAT_SECRET_KEYS, before you start.")
    elif (secrets := check_secrets(settings)).mend:
        lines.append(OTHER_KEYS.format(problem=secrets.detail, mend=secrets.mend))
    if TEMPORAL not in manifest.hashes:
        lines.append("Temporal's database is not in it: run `heartbeat reconcile` once Temporal is up.")
    return [*lines, *unknown(settled)]


def _passphrase(file: Path | None) -> str | None:
    return None if file is None else file.read_text().strip("\r\n")
