"""When and from where a key was last used: noted after the fact, by nobody who waits, and at most once an hour."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.store.database.database import Database
from heartbeat.store.projects.access import UsedKey
from heartbeat.store.projects.projects import KEY

EVERY = timedelta(hours=1)


class KeyUses:
    """The uses that one process has seen. `note` costs a look into a dictionary; the store hears of few of them."""

    def __init__(self, database: Database, now: Callable[[], datetime], hashes: KeyHashes) -> None:
        self._database = database
        self._now = now
        self._hashes = hashes
        self._began = now()
        self._noted: dict[int, datetime] = {}

    def note(self, key: UsedKey, address: str, hashes: Sequence[str] = ()) -> None:
        """Note that a key was just found to be right. Any thread may call it, also in a read.

        `hashes` are all that it may be kept by. Where another is better than the one that it is kept by, that is
        written, too, but on PostgreSQL not in the first hour: processes of the version before may be at work.
        """
        now = self._now()
        last = self._noted.get(key.id)
        if last is None or now - last >= EVERY:
            self._noted[key.id] = now
            self._database.write_later(write_use, key.id, address, now)
            better = self._hashes.better(key.hash, hashes) if hashes else None
            if better and (self._database.is_sqlite or now - self._began >= EVERY):
                self._database.write_later(write_hash, key, better)


def write_use(connection: Connection, key_id: int, address: str, now: datetime) -> None:
    """Write when and from where a key was used, unless another process wrote it within the hour."""
    stale = KEY.c.last_used_at.is_(None) | (KEY.c.last_used_at <= now - EVERY)
    values = {"last_used_at": now, "last_used_from": address}
    connection.execute(update(KEY).where(KEY.c.id == key_id, stale).values(values))


def write_hash(connection: Connection, key: UsedKey, better: str) -> None:
    """Keep a key by another hash, unless that was done meanwhile."""
    connection.execute(update(KEY).where(KEY.c.id == key.id, KEY.c.hash == key.hash).values(hash=better))
