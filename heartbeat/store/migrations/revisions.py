"""Which revision a database is at, and whether this version may work with it. Here without Alembic, which is heavy.

A version is known by the newest revision that it has. A migration that takes away what some need says from which
version on they may go on beside it (`compatible_from`). The database keeps that with its own revision, so that also a
version that has never heard of this revision can tell.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from sqlalchemy import Connection

from heartbeat.domain.errors import ProductError, Unavailable
from heartbeat.store.database.database import Database

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "versions"
# The one that makes the table.
FIRST_WITH_COMPATIBILITY = "0048"
LOOK_SECONDS = 5.0
# As sysexits.h has it for a configuration that is wrong: to start such a process again would not help.
TOO_NEW_EXIT_CODE = 78


class DatabaseTooNew(ProductError):
    """503: a newer version has migrated the database, and this one must not work with it."""

    def __init__(self, revision: str) -> None:
        own = f"this is {metadata.version('heartbeat-server')}, which knows {newest()}"
        super().__init__(
            f"A newer version of Heartbeat has migrated the database to {revision} ({own}): install that version "
            "again, or put back a backup from before the upgrade.",
            "database_too_new",
            503,
        )


@cache
def newest() -> str:
    """The revision that this code needs. Migrations are numbered in a row, and their files begin with the number."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*_*.py"))


def require_not_newer(revision: str | None) -> None:
    """Raise `DatabaseTooNew` for a revision that this version has never heard of."""
    if revision is not None and revision > newest():
        raise DatabaseTooNew(revision)


def require_compatible(connection: Connection) -> None:
    """Raise `DatabaseTooNew` unless a version as old as this one may work beside the version that migrated it."""
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    if revision is None or revision <= newest():
        return
    kept = connection.exec_driver_sql("SELECT revision, compatible_from FROM schema_compatibility").first()
    # What was said of another revision says nothing about this one.
    if kept is None or kept.revision != revision or kept.compatible_from > newest():
        raise DatabaseTooNew(revision)


async def check_compatible(database: Database) -> None:
    """`require_compatible` for a process that runs; one that is away or not migrated yet is left to who asks it."""
    with suppress(Unavailable):
        await database.read(require_compatible)


async def watch_revision(database: Database, stop: Callable[[], object]) -> None:
    """Call `stop` once a newer version has migrated the database so that this one has to end."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await check_compatible(database)
        except DatabaseTooNew as problem:
            log.error("this process stops: %s", problem)
            stop()
            return
