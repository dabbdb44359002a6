"""Migrated databases, each for one test, and what is kept and waited for in them."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url, select
from sqlmodel import SQLModel

from heartbeat.store.database.database import Database

TEMPLATE = "heartbeat_template"
# For a test whose many cases have nothing to do with the kind of database; one beside it runs on both.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NUMBERS = itertools.count(1)
# PostgreSQL takes a third of a second of processor time to copy and drop a database, and hardly any to empty one.
EMPTY: list[str] = []

END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# What tables and indexes there are, whether the planner has counted their rows, and the revision.
SHAPE = """
    SELECT (SELECT version_num FROM alembic_version),
        string_agg(concat_ws(' ', oid, relname, relnatts, relchecks), ',' ORDER BY oid),
        EXISTS (SELECT FROM pg_statistic JOIN pg_class ON oid = starelid WHERE relnamespace = 'public'::regnamespace)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
RESTART_IDS = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"


def fresh_database(request: pytest.FixtureRequest, kind: str) -> str:
    """The URL of a migrated, empty database that nobody else has while the requesting fixture lasts."""
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return f"sqlite:///{shutil.copy(template, template.with_name(f'heartbeat-{next(NUMBERS)}.db'))}"
    server: str = request.getfixturevalue("postgres_template")
    name = EMPTY.pop() if EMPTY else _copy_of_template(server)
    request.addfinalizer(lambda: _give_back(server, name))
    return server.format(database=name)


@contextmanager
def without_tables(server: str, name: str) -> Iterator[str]:
    """The URL of a database on PostgreSQL for a test that makes the tables itself."""
    _administer(server, f"CREATE DATABASE {name}")
    try:
        yield server.format(database=name)
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _copy_of_template(server: str) -> str:
    name = f"heartbeat_{next(NUMBERS)}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return name


def _give_back(server: str, name: str) -> None:
    """Empty a database for the next test; drop it if its tables are not the template's any more."""
    with psycopg.connect(server.format(database=name)) as connection:
        connection.execute(END_OTHERS)
        if is_like_template := connection.execute(SHAPE).fetchone() == _shape_of_template(server):
            _empty(connection)
    if is_like_template:
        EMPTY.append(name)
    else:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _shape_of_template(server: str) -> tuple[object, ...] | None:
    with psycopg.connect(server.format(database=TEMPLATE)) as connection:
        return connection.execute(SHAPE).fetchone()


def _empty(connection: psycopg.Connection) -> None:
    tables = [sql.Identifier(table.name) for table in SQLModel.metadata.sorted_tables]
    exists = sql.SQL(", ").join(sql.SQL("EXISTS (SELECT FROM {})").format(table) for table in tables)
    has_rows = connection.execute(sql.SQL("SELECT {}").format(exists)).fetchone()
    # Without foreign keys and triggers, in whatever order.
    connection.execute("SET session_replication_role = replica")
    for table in itertools.compress(tables, has_rows):
        connection.execute(sql.SQL("DELETE FROM {}").format(table))
    connection.execute(RESTART_IDS)


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
        connection.execute(statement)


def everything(database: Database) -> bytes:
    """All that the database keeps: the bytes of SQLite's files, or every value of every row."""
    if database.is_sqlite:
        file = Path(make_url(database.url).database or "")
        files = sorted(file.parent.glob(f"{file.name}*"))
        assert [path.name.removeprefix(file.name) for path in files] == ["", "-shm", "-wal"]
        return b"".join(path.read_bytes() for path in files)
    tables = SQLModel.metadata.sorted_tables
    rows = database.read_now(lambda connection: [connection.execute(select(table)).all() for table in tables])
    return repr(rows).encode()


def waiting(database: Database) -> bool:
    """Whether a transaction waits for another one's end."""
    held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    return database.read_now(lambda c: c.exec_driver_sql(held_up).scalar_one()) > 0
