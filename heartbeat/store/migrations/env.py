"""Alembic's entry point: each migration in a transaction of its own, and a lock so that two processes do not migrate
at once. SQLite makes all of them in one."""

from time import sleep
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, Engine, text
from sqlmodel import SQLModel

from heartbeat.store.migrations.migrate import has_a_class, migration_engine
from heartbeat.store.migrations.revisions import FIRST_WITH_COMPATIBILITY

LOCK = 7_318_008  # any constant: the advisory lock's name on PostgreSQL
PAUSE_SECONDS = 0.5
SET_COMPATIBILITY = text(
    "UPDATE schema_compatibility SET revision = :revision, compatible_from = coalesce(:version, compatible_from)"
)


def run() -> None:
    engine = migration_engine(context.config.attributes["url"])
    try:
        if engine.dialect.name == "postgresql":
            _on_postgres(engine)
        else:
            _on_sqlite(engine)
    finally:
        engine.dispose()


def _on_postgres(engine: Engine) -> None:
    # A session's lock would not outlive its transaction behind a pooler, and a migration's transaction is short.
    with engine.connect() as guard, engine.connect() as connection:
        # Not in a statement that waits: an index that is built CONCURRENTLY would wait for that.
        while not guard.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({LOCK})").scalar_one():
            guard.rollback()
            sleep(PAUSE_SECONDS)
        guard.exec_driver_sql("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
        _migrate(connection)


def _on_sqlite(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=30000")
        if not connection.exec_driver_sql("PRAGMA page_count").scalar_one():
            # Only a file without tables can be made so in passing; for others there is `compact`.
            connection.exec_driver_sql("PRAGMA auto_vacuum=incremental")
        connection.exec_driver_sql("PRAGMA journal_mode=wal")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        _migrate(connection)
        connection.commit()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        include_name=has_a_class,
        user_module_prefix="types.",
        transaction_per_migration=connection.dialect.name == "postgresql",
        on_version_apply=_set_compatibility,
    )
    with context.begin_transaction():
        context.run_migrations()


def _set_compatibility(ctx: MigrationContext, step: MigrationInfo, **_: Any) -> None:
    """In the migration's own transaction, say which versions may go on beside it."""
    revision = step.up_revision
    if not step.is_upgrade or revision is None or revision.revision <= FIRST_WITH_COMPATIBILITY:
        return
    assert ctx.connection is not None
    version = getattr(revision.module, "compatible_from", None)
    ctx.connection.execute(SET_COMPATIBILITY, {"revision": revision.revision, "version": version})


run()
