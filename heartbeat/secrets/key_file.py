"""The file in the data directory that keeps the embedded stack's keys."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from heartbeat.domain.secret_keys import SecretKey, new_key, read_keys

KEY_FILE = "secrets.key"


def make_key_file(directory: Path) -> None:
    """Make the directory's key file unless it has one; whole or not at all, and readable by its owner alone."""
    path = directory / KEY_FILE
    if path.exists():
        return
    with NamedTemporaryFile("w", dir=directory, prefix=f"{KEY_FILE}.") as fresh:
        fresh.write(f"{new_key()}\n")
        fresh.flush()
        os.fsync(fresh.fileno())
        # A link, for a rename would replace a file that somebody else has made meanwhile.
        with suppress(FileExistsError):
            os.link(fresh.name, path)
    _keep_entries(directory)


def read_key_file(directory: Path) -> list[SecretKey]:
    """The keys of the directory's key file, none if there is none. Raises `OSError` and `ValueError`."""
    try:
        return read_keys((directory / KEY_FILE).read_text())
    except FileNotFoundError:
        return []


def _keep_entries(directory: Path) -> None:
    """Have the disk keep the directory itself: a file that is gone after a power cut takes every secret along."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
