"""Files that nobody but their owner may read: databases, backups and keys hold prompts, answers and secrets."""

import os
import stat
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Beside a SQLite file. It gives them the file's own mode, once they are made.
BESIDE = ("", "-wal", "-shm")


def private_directory(path: Path) -> None:
    """Make the directory, or take it from others if it is our own. Raises `OSError` if it cannot be made."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _take_from_others(path)


def private_database(path: Path) -> None:
    """Make a SQLite file, or take one that is there from others. Raises `OSError` if it cannot be made."""
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600))
    for ending in BESIDE:
        private_file(path.with_name(path.name + ending))


def private_file(path: Path) -> None:
    """Take a file from others, if there is one and it is our own."""
    with suppress(FileNotFoundError):
        _take_from_others(path)


def sync_directory(path: Path) -> None:
    """Have the disk keep the directory itself: a file that is new in it may else be gone after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take_from_others(path: Path) -> None:
    status = path.stat()
    # One with the sticky bit, such as /tmp, is shared on purpose.
    if status.st_mode & OTHERS and status.st_uid == os.geteuid() and not status.st_mode & stat.S_ISVTX:
        path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
