"""Bring a database to the newest schema, or say where it stands. Migrations live beside this file."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url

from heartbeat.store.database import driver_url
from heartbeat.store.postgres import postgres_engine


def upgrade(url: str, revision: str = "head") -> None:
    """Apply every missing migration up to `revision`. Of two processes at once the second waits or finds it done."""
    config = _config()
    path = make_url(driver_url(url)).database
    if url.startswith("sqlite") and path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    config.attributes["url"] = driver_url(url)
    command.upgrade(config, revision)


def current(url: str) -> str | None:
    """The revision a database is at; `None` when it has never been migrated."""
    engine = migration_engine(driver_url(url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def migration_engine(url: str) -> Engine:
    """Make the engine for migrations. SQLite has its foreign keys off there: tables are copied and replaced."""
    return create_engine(url) if url.startswith("sqlite") else postgres_engine(url, None)


def newest() -> str:
    """The revision this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package ships without its migrations"
    return head


def has_a_class(name: str | None, kind: str, parents: Any) -> bool:
    """For Alembic's comparisons: false for the full-text index of memories, which raw SQL makes and no class describes.

    On SQLite it is a virtual table with shadow tables of its own, on PostgreSQL an index.
    """
    return not (name or "").startswith("memory_words")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
