"""What SQLite's planner knows of how many rows there are, gathered anew as tables grow. PostgreSQL gathers by itself.

Without statistics SQLite takes one index to be as good as another, and may walk through all logs for a few of them.
"""

import asyncio
import logging
from typing import Any

from sqlalchemy import Connection, func, literal_column, select, union_all
from sqlmodel import SQLModel

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 600.0
# So many rows of each index are looked at, which takes milliseconds however many there are.
ANALYSIS_LIMIT = 400
# Whatever the planner does with fewer rows is quick.
MIN_ROWS = 1_000
GROWTH = 2


class TableStatistics:
    """Knows how large each table of a SQLite file was when its statistics were gathered last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathered: dict[str, int] = {}

    async def gather(self) -> list[str]:
        """Gather those of the large tables that have grown to twice their size since; returns their names."""
        if not self._database.is_sqlite:
            return []
        last_rows = await self._database.read(_last_rows)
        grown = [
            name for name, last in last_rows.items() if last >= max(MIN_ROWS, GROWTH * self._gathered.get(name, 0))
        ]
        if grown:
            await self._database.write(_analyze, grown)
            self._gathered |= {name: last_rows[name] for name in grown}
        return grown


def _last_rows(connection: Connection) -> dict[str, int]:
    """Return the number of the last row of each table: found at once, and close to how many there are."""
    last: Any = func.coalesce(func.max(literal_column("rowid")), 0)
    tables = SQLModel.metadata.tables
    each = (select(literal_column(f"'{name}'"), last).select_from(table) for name, table in tables.items())
    return {row[0]: row[1] for row in connection.execute(union_all(*each))}


def _analyze(connection: Connection, tables: list[str]) -> None:
    connection.exec_driver_sql(f"PRAGMA analysis_limit = {ANALYSIS_LIMIT}")
    for table in tables:
        connection.exec_driver_sql(f'ANALYZE "{table}"')
    # Connections that are open, of this process and of others, read statistics only together with a changed schema.
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")


async def gather_again(statistics: TableStatistics) -> None:
    """Gather statistics now, and look every ten minutes, for ever, whether tables have grown."""
    while True:
        try:
            await statistics.gather()
        except Unavailable as problem:
            log.warning("statistics of the tables are gathered later: %s", problem)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
