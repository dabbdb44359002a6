"""A backup: one tar file with copies of both databases, the sealed keys, and a manifest that says what is in it."""

import hashlib
import json
import os
import sqlite3
import tarfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from heartbeat.domain.errors import Conflict, ProductError

FORMAT = 1
MANIFEST, STORE, TEMPORAL, KEYS = "manifest.json", "heartbeat.db", "temporal.db", "keys.sealed"
BLOCK_BYTES = 1 << 20
BUSY_SECONDS = 30.0
NO_BACKUP_THERE = "{file} is there and is no backup of Heartbeat's, so it is not replaced: name another file."


class BadBackup(ProductError):
    """400: a file is no backup, or not whole."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file} cannot be restored: {reason}.", "bad_backup", 400)


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: `hashes` are the SHA-256 of its files, by name. `taken_at` is ISO-8601, UTC."""

    version: str
    revision: str
    taken_at: str
    hashes: Mapping[str, str]
    format: int = FORMAT

    @property
    def time(self) -> datetime:
        """When it was taken."""
        return datetime.fromisoformat(self.taken_at)


def copy_database(source: Path, target: Path) -> None:
    """Copy a SQLite file as it is at one instant, whoever writes to it. Raises `sqlite3.Error`.

    In one step, in which others read and write on: one of several would begin anew after each write of another process.
    """
    with closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy, pages=-1)
        # Without a log beside it, in which the newest might be left.
        copy.execute("PRAGMA journal_mode=delete")
        [result] = copy.execute("PRAGMA quick_check(1)").fetchone()
    if result != "ok":
        raise sqlite3.DatabaseError(f"the copy of {source} is not whole: {result}")


def write_archive(file: Path, directory: Path, manifest: Manifest) -> None:
    """Pack the files of a directory, whole or not at all; nobody but their owner may read it."""
    (directory / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2))
    unfinished = directory / "archive.tar"
    with (
        os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output,
        tarfile.open(fileobj=output, mode="w") as packed,
    ):
        for name in (MANIFEST, *manifest.hashes):
            packed.add(directory / name, name)
        packed.close()
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)


def require_replaceable(file: Path) -> None:
    """Raise `Conflict` for a file that a backup must not take the place of: all but an earlier one and an empty one."""
    if not os.path.lexists(file):
        return
    if not file.is_file() or (file.stat().st_size and not _is_archive(file)):
        raise Conflict("no_backup_there", NO_BACKUP_THERE.format(file=file))


def _is_archive(file: Path) -> bool:
    try:
        with tarfile.open(file, "r:") as packed:
            first = packed.next()
    except tarfile.TarError:
        return False
    return first is not None and first.name == MANIFEST


def read_archive(file: Path, directory: Path) -> Manifest:
    """Unpack a backup into a directory. Raises `BadBackup` for what is none, or is not as it was written."""
    try:
        with tarfile.open(file, "r:") as packed:
            for name in (MANIFEST, STORE, TEMPORAL, KEYS):
                if name in packed.getnames():
                    packed.extract(packed.getmember(name), directory, filter="data")
        manifest = Manifest(**json.loads((directory / MANIFEST).read_text()))
    except (tarfile.TarError, KeyError, ValueError, TypeError, FileNotFoundError) as problem:
        if not file.exists():
            raise
        raise BadBackup(file, "it is no backup of Heartbeat's, or not whole") from problem
    if manifest.format != FORMAT:
        raise BadBackup(file, f"its format {manifest.format} is that of another version")
    damaged = [name for name, digest in manifest.hashes.items() if file_hash(directory / name) != digest]
    if damaged:
        raise BadBackup(file, f"{', '.join(damaged)} in it is damaged")
    return manifest


def file_hash(path: Path) -> str | None:
    """The SHA-256 of a file; `None` if there is none."""
    if not path.exists():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def working_directory(beside: Path) -> TemporaryDirectory[str]:
    """A directory on the same disk, which nobody else may read."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(prefix=f".{beside.name}.", dir=beside.parent)
