"""The room of rows that were removed, given back by SQLite's file. PostgreSQL sees to its own.

A file that was made by a version before this one keeps its room for later rows until `heartbeat migrate --compact`.
"""

from typing import Any

from sqlalchemy import Connection

# Of each transaction, of four kilobytes each; so many stay for the rows that come next.
PAGES, SPARE_PAGES = 500, 1_000
INCREMENTAL = 2


def give_back(connection: Connection) -> int:
    """Give some free pages back to the disk; returns how many, none where there is nothing to give."""
    if connection.dialect.name != "sqlite" or _pragma(connection, "auto_vacuum") != INCREMENTAL:
        return 0
    pages = min(PAGES, _pragma(connection, "freelist_count") - SPARE_PAGES)
    if pages <= 0:
        return 0
    driver: Any = connection.connection.dbapi_connection
    # Each step of the statement frees one page.
    driver.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    return pages


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
