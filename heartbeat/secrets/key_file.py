"""The file in the data directory that keeps the embedded stack's keys."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from heartbeat.domain.secret_keys import SecretKey, new_key, read_keys
from heartbeat.secrets.private_files import sync_directory
from heartbeat.settings import Settings

KEY_FILE = "secrets.key"


def make_key_file(directory: Path) -> None:
    """Make the directory's key file unless it has one: whole or not at all, and readable by its owner alone."""
    path = directory / KEY_FILE
    if path.exists():
        return
    with NamedTemporaryFile("w", dir=directory, prefix=f"{KEY_FILE}.") as new_file:
        new_file.write(f"{new_key()}\n")
        new_file.flush()
        os.fsync(new_file.fileno())
        # A link, for a rename would replace a file that another process has made meanwhile.
        with suppress(FileExistsError):
            os.link(new_file.name, path)
    sync_directory(directory)


def write_key_file(directory: Path, keys: str) -> None:
    """Put these keys there in place of those that are: whole or not at all, and readable by the owner alone."""
    unfinished = directory / f"{KEY_FILE}.new"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{keys}\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(directory / KEY_FILE)
    sync_directory(directory)


def key_text(settings: Settings) -> str:
    """All keys of an installation as a key file has them: those of the settings first. Raises `OSError`."""
    from_settings = settings.secret_keys.get_secret_value() if settings.secret_keys else ""
    with suppress(FileNotFoundError):
        from_file = (settings.data_dir / KEY_FILE).read_text().strip()
        ids = {key.id for key in read_keys(from_settings)} if from_settings else set()
        others = [entry for entry in from_file.split(",") if entry.partition(":")[0].strip() not in ids]
        return ",".join([*([from_settings] if from_settings else []), *others])
    return from_settings


def read_key_file(directory: Path) -> list[SecretKey]:
    """Read the keys of the directory's key file, none if there is none. Raises `OSError` and `ValueError`."""
    try:
        return read_keys((directory / KEY_FILE).read_text())
    except FileNotFoundError:
        return []
