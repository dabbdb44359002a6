"""What the kinds of database raise when their disk has no room left."""

import sqlite3

from sqlalchemy.exc import DBAPIError

MESSAGE = "The disk of the database is full; nothing was changed. Make room on it, and try again."

POSTGRES_STATE = "53100"
# The second is of the file that the processes of a SQLite store share, which the first of them makes.
SQLITE_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}


def is_full(problem: DBAPIError) -> bool:
    """Whether a statement or a commit failed because the disk is full."""
    reason = problem.orig
    if isinstance(reason, sqlite3.Error):
        return getattr(reason, "sqlite_errorcode", None) in SQLITE_CODES
    return getattr(reason, "sqlstate", None) == POSTGRES_STATE
