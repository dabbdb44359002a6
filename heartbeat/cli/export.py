"""`heartbeat export logs`: logs as JSON Lines, for whoever keeps them longer than their plan does."""

import json
import os
import sys
from contextlib import closing
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

import typer

from heartbeat.cli.database import opened_database
from heartbeat.cli.options import read_time
from heartbeat.cli.output import print_error
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.retention.export import ExportPosition, ExportWindow, bots_to_export, export_logs

# How each line begins.
BEGINS = b'{"position": "'


@dataclass(frozen=True)
class ExportOptions:
    """Of which project, ended when, and where to: a file that is gone on with, or the standard output."""

    project_uuid: str | None = None
    since: str | None = None
    until: str | None = None
    after: str | None = None
    output: Path | None = None


def export(settings: Settings, options: ExportOptions) -> None:
    """Write a line for each log that ended in time; raises `BadParameter`."""
    window = ExportWindow(read_time(options.since, "--since"), read_time(options.until, "--until"))
    with closing(opened_database(settings)) as database:
        if options.output is None:
            _write(database, sys.stdout.buffer, options, window, _position(options.after))
            return
        with _opened(options.output) as file:
            last = _last_position(file)
            position = _position(options.after or last)
            written = _write(database, file, options, window, position)
            os.fsync(file.fileno())
    print_error(f"{written} logs were added to {options.output}.")


def _write(
    database: Database, file: BinaryIO, options: ExportOptions, window: ExportWindow, position: ExportPosition
) -> int:
    """Write logs from `position` on, some at a time, so that no transaction is long; returns how many."""
    written = 0
    for bot_id in database.read_now(bots_to_export, options.project_uuid, position):
        position = position if position.bot_id == bot_id else ExportPosition(bot_id)
        is_whole = False
        while not is_whole:
            exported = database.read_now(export_logs, position, window)
            for line in exported.lines:
                file.write(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")
            file.flush()
            written += len(exported.lines)
            position, is_whole = exported.next, exported.is_whole
    return written


def _opened(path: Path) -> BufferedRandom:
    # A new one is as private as what is in it.
    path.touch(0o600)
    return path.open("r+b")


def _last_position(file: BufferedRandom) -> str | None:
    """Go to where the file ends, which loses a line that was not written to its end, and read the last position.

    Raises `BadParameter`, before anything is written, for a file that is no export.
    """
    end, last = 0, None
    try:
        for line in file:
            if not (line.startswith(BEGINS) or BEGINS.startswith(line)):
                raise ValueError("this is no line of an export")
            if line.endswith(b"\n"):
                end, last = end + len(line), line
        position = str(json.loads(last)["position"]) if last else None
    except (ValueError, KeyError, TypeError):
        raise typer.BadParameter(f"{file.name} is no export of logs; name another file") from None
    file.seek(end)
    file.truncate()
    return position


def _position(text: str | None) -> ExportPosition:
    if text is None:
        return ExportPosition()
    bot_id, _, run_id = text.partition("-")
    if not (bot_id.isdecimal() and run_id.isdecimal()):
        raise typer.BadParameter(f"{text!r} is no position of an export, such as 12-3456")
    return ExportPosition(int(bot_id), int(run_id))
