"""Alembic's entry point: one connection, one transaction, a lock so that two processes do not migrate at once."""

from alembic import context
from sqlalchemy import text
from sqlmodel import SQLModel

from heartbeat.store.migrate import has_a_class, migration_engine

LOCK = 7_318_008  # any constant: the advisory lock's name on PostgreSQL


def run() -> None:
    engine = migration_engine(context.config.attributes["url"])
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # Until the end of the transaction: behind a pooler no session outlives it.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        else:
            connection.exec_driver_sql("PRAGMA journal_mode=wal")
            connection.exec_driver_sql("PRAGMA busy_timeout=30000")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
            include_name=has_a_class,
            user_module_prefix="types.",
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
