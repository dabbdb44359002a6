"""Bring a database to the newest schema, or say where it stands. Migrations live beside this file."""

from pathlib import Path
from time import sleep
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from heartbeat.secrets.private_files import private_database
from heartbeat.store.database.database import driver_url
from heartbeat.store.database.postgres import postgres_engine
from heartbeat.store.migrations.revisions import require_not_newer

# A migration that waits for a table's lock holds up whoever comes after it, so it gives way and comes again.
LOCK_MS, ATTEMPTS, PAUSE_SECONDS = 3_000, 20, 2.0
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"


def upgrade(url: str, revision: str = "head") -> None:
    """Apply every missing migration up to `revision`. Of two processes at once the second waits or finds it done.

    Raises `DatabaseTooNew` for a database that a newer version has migrated.
    """
    config = _config()
    path = make_url(driver_url(url)).database
    if url.startswith("sqlite") and path:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_database(Path(path))
    config.attributes["url"] = driver_url(url)
    require_not_newer(current(url))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            command.upgrade(config, revision)
        except OperationalError as problem:
            gave_way = getattr(problem.orig, "sqlstate", None) in (LOCK_NOT_AVAILABLE, DEADLOCK)
            if not gave_way or attempt == ATTEMPTS:
                raise
            sleep(PAUSE_SECONDS)
        else:
            return


def compact(url: str) -> None:
    """Rewrite a SQLite file without the room of rows that were removed; from then on Upkeep gives it back."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in ("PRAGMA busy_timeout=30000", "PRAGMA auto_vacuum=incremental", "VACUUM"):
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def current(url: str) -> str | None:
    """The revision a database is at; `None` when it has never been migrated."""
    engine = migration_engine(driver_url(url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def migration_engine(url: str) -> Engine:
    """Make the engine for migrations. SQLite has its foreign keys off there: tables are copied and replaced.

    On PostgreSQL no transaction of it waits longer than `LOCK_MS` for a lock.
    """
    if url.startswith("sqlite"):
        return create_engine(url)
    engine = postgres_engine(url, None)
    event.listen(engine, "begin", _limit_locks)
    return engine


def _limit_locks(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT set_config('lock_timeout', '{LOCK_MS}', true)")


def has_a_class(name: str | None, kind: str, parents: Any) -> bool:
    """For Alembic's comparisons: false for the full-text index of memories, which raw SQL makes and no class describes.

    On SQLite it is a virtual table with shadow tables of its own, on PostgreSQL an index. Nor is
    there one for what versions are compatible, which belongs to Alembic's own table. `ix_heartbeat_period` is SQLite's
    alone: PostgreSQL would have to write all indexes of a heartbeat with every charge.
    """
    return not (name or "").startswith(("memory_words", "schema_compatibility", "ix_heartbeat_period"))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
