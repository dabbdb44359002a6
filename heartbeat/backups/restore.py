"""`heartbeat restore`: a backup put into a data directory, and what was under way in it settled."""

import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from heartbeat.backups.archive import KEYS, STORE, TEMPORAL, BadBackup, Manifest, read_archive
from heartbeat.backups.backup import store_file
from heartbeat.domain.actors import Actor
from heartbeat.domain.clock import utc_now
from heartbeat.secrets.key_file import KEY_FILE, write_key_file
from heartbeat.secrets.passphrase import WrongPassphrase, open_keys
from heartbeat.secrets.private_files import BESIDE, private_database
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.store.migrations.revisions import require_not_newer
from heartbeat.store.runs.restored import Settled, settle_restored
from heartbeat.up import temporal_server

SEALED = "The keys in this backup are sealed: name the file with their passphrase with --passphrase-file."


@dataclass(frozen=True)
class RestoredBackup:
    """What was put back. `replaced` is where the files are kept that were there before, if there were any."""

    manifest: Manifest
    settled: Settled
    replaced: Path | None
    has_keys: bool


def restore_backup(settings: Settings, file: Path, passphrase: str | None, actor: Actor) -> RestoredBackup:
    """Put a backup into the data directory, which no process may use meanwhile, and migrate it to this version.

    The audit logs name `actor`, who does it.
    Raises `BadBackup`, `DatabaseTooNew` and `WrongPassphrase` before anything is changed.
    """
    store = store_file(settings)
    with TemporaryDirectory(prefix=".restore.", dir=settings.data_dir) as name:
        directory = Path(name)
        manifest = read_archive(file, directory)
        require_not_newer(manifest.revision)
        if STORE not in manifest.hashes:
            raise BadBackup(file, f"{STORE} is not in it")
        keys = _keys(directory, settings, passphrase)
        replaced = _set_aside(settings, store, keys)
        temporal = settings.data_dir / temporal_server.DATABASE
        if keys:
            write_key_file(settings.data_dir, keys)
        # The store last: a restore that is broken off before is no data directory, and can be made again.
        for source, target in ((directory / TEMPORAL, temporal), (directory / STORE, store)):
            if source.exists():
                source.replace(target)
                private_database(target)
    settled = _settle(settings, actor, utc_now())
    has_keys = (settings.data_dir / KEY_FILE).exists() or settings.secret_keys is not None
    return RestoredBackup(manifest, settled, replaced, has_keys)


def _keys(directory: Path, settings: Settings, passphrase: str | None) -> str | None:
    """Open the keys of a backup; `None` if it has none, or without a passphrase where there are keys already."""
    if not (directory / KEYS).exists():
        return None
    if passphrase is None:
        if (settings.data_dir / KEY_FILE).exists() or settings.secret_keys is not None:
            return None
        raise WrongPassphrase(SEALED)
    return open_keys((directory / KEYS).read_text(), passphrase)


def _set_aside(settings: Settings, store: Path, keys: str | None) -> Path | None:
    """Move the databases that are there, and what lies beside them, into a directory of their own.

    Where the keys of the backup take their place, a copy of the keys goes along: what is set aside opens with them.
    """
    databases = (store, settings.data_dir / temporal_server.DATABASE)
    files = [path.with_name(path.name + ending) for path in databases for ending in BESIDE]
    present = [path for path in files if path.exists()]
    if not present:
        return None
    replaced = settings.data_dir / f"replaced-{utc_now():%Y%m%dT%H%M%S.%fZ}"
    replaced.mkdir(mode=0o700)
    for path in present:
        path.replace(replaced / path.name)
    if keys and (settings.data_dir / KEY_FILE).exists():
        shutil.copy2(settings.data_dir / KEY_FILE, replaced)
    return replaced


def _settle(settings: Settings, actor: Actor, now: datetime) -> Settled:
    migrate.upgrade(settings.store_url())
    with closing(Database(settings.store_url(), actor=actor)) as database:
        return database.write_now(settle_restored, now)
