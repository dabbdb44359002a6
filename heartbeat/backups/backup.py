"""`heartbeat backup`: a copy of the embedded stack's databases, while everything runs."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sqlalchemy import make_url

from heartbeat.backups.archive import (
    KEYS,
    STORE,
    TEMPORAL,
    Manifest,
    copy_database,
    file_hash,
    require_replaceable,
    working_directory,
    write_archive,
)
from heartbeat.domain.clock import utc_now
from heartbeat.domain.errors import Conflict
from heartbeat.secrets.key_file import key_text
from heartbeat.secrets.passphrase import seal_keys
from heartbeat.secrets.private_files import sync_directory
from heartbeat.settings import Settings
from heartbeat.store.migrations.revisions import newest
from heartbeat.up import temporal_server

OTHER_DATABASE = (
    "This copies SQLite files, and the settings name another database: back that up with its own tools, as "
    "docs/operations.md says."
)


@dataclass(frozen=True)
class Backup:
    """What was copied: without `has_temporal` the store alone, without `has_keys` no keys."""

    has_temporal: bool
    has_keys: bool


def store_file(settings: Settings) -> Path:
    """The settings' SQLite file; raises `Conflict` for another kind of database."""
    url = make_url(settings.store_url())
    if not url.drivername.startswith("sqlite") or not url.database:
        raise Conflict("other_database", OTHER_DATABASE)
    return Path(url.database)


def take_backup(settings: Settings, file: Path, passphrase: str | None) -> Backup:
    """Write a backup to this file; one that is there is replaced once the new one is whole, other files never.

    Temporal's database is copied first. So the store is ahead of it, as after a crash, which all that is repeated is
    made for; a Temporal that is ahead would have done what the store has never heard of.
    """
    taken_at, store = utc_now(), store_file(settings)
    require_replaceable(file)
    temporal = settings.data_dir / temporal_server.DATABASE
    keys = key_text(settings) if passphrase is not None else ""
    with working_directory(file) as name:
        directory = Path(name)
        if has_temporal := settings.temporal_address is None and temporal.exists():
            copy_database(temporal, directory / TEMPORAL)
        copy_database(store, directory / STORE)
        if keys and passphrase is not None:
            (directory / KEYS).write_text(seal_keys(keys, passphrase))
        names = [one for one in (STORE, TEMPORAL, KEYS) if (directory / one).exists()]
        hashes = {one: file_hash(directory / one) or "" for one in names}
        version = metadata.version("heartbeat-server")
        write_archive(file, directory, Manifest(version, newest(), taken_at.isoformat(), hashes))
    sync_directory(file.parent)
    return Backup(has_temporal, bool(keys))
