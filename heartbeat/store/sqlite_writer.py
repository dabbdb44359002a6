"""Short writes on SQLite by the loop itself, while nobody else writes.

The driver gives the interpreter's lock back at every call into SQLite, and a thread then waits until the loop lets go
of it: in a thread, a run's two transactions took up to half as much processor time again, and a run ended later.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")


class SqliteWriter:
    """Runs functions of a connection of its own, each in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        # Two loops may write at once.
        self._lock = threading.Lock()

    async def run(self, change: Callable[[Connection], T]) -> tuple[T] | None:
        """What the change returns; `None`, and nothing was done, while another connection writes."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._run(change)
        except BaseException:
            self._close()
            raise
        finally:
            self._lock.release()

    def _run(self, change: Callable[[Connection], T]) -> tuple[T] | None:
        connection = self._connected()
        driver: Any = connection.connection.dbapi_connection
        with connection.begin() as transaction:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.Error:
                # Whoever waits for the lock, or says what else is wrong, need not be the loop.
                transaction.rollback()
                return None
            return (change(connection),)

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            # Taken from the pool for good: nobody else may have one that does not wait.
            connection.detach()
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            connection.commit()
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
