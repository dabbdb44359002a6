"""When a key was last used: noted after the fact, by nobody who waits, and at most once an hour for each key."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from heartbeat.store.database import Database
from heartbeat.store.projects.projects import KEY

EVERY = timedelta(hours=1)


class KeyUses:
    """The uses that one process has seen. `note` costs a look into a dictionary; the store hears of few of them."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._noted: dict[str, datetime] = {}

    def note(self, key_hash: str) -> None:
        """Note that the key with this hash was just found to be right. Any thread may call it, also in a read."""
        now = self._now()
        last = self._noted.get(key_hash)
        if last is None or now - last >= EVERY:
            self._noted[key_hash] = now
            self._database.write_later(write_use, key_hash, now)


def write_use(connection: Connection, key_hash: str, now: datetime) -> None:
    """Write when a key was used, unless another process wrote it within the hour."""
    stale = KEY.c.last_used_at.is_(None) | (KEY.c.last_used_at <= now - EVERY)
    connection.execute(update(KEY).where(KEY.c.hash == key_hash, stale).values(last_used_at=now))
