"""Whether the database takes writes: one whose disk is full still answers reads."""

import asyncio
from time import monotonic

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database

# So often a write is tried, however often somebody asks.
TRY_AGAIN_SECONDS = 5.0


class WriteProbe:
    """Writes a row, and remembers for some seconds whether that succeeded."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tried_at, self._succeeded = float("-inf"), False
        self._lock = asyncio.Lock()

    async def takes_writes(self) -> bool:
        """Whether it does, as last tried."""
        async with self._lock:
            if monotonic() - self._tried_at >= TRY_AGAIN_SECONDS:
                self._succeeded = await self._try()
                self._tried_at = monotonic()
        return self._succeeded

    async def _try(self) -> bool:
        try:
            await self._database.write(_write)
        except (Unavailable, SQLAlchemyError):
            return False
        return True


def _write(connection: Connection) -> None:
    # One row that nobody waits for, but a migration for a moment. SQLite writes nothing where nothing changes.
    connection.exec_driver_sql("UPDATE schema_compatibility SET written_at = CURRENT_TIMESTAMP")
