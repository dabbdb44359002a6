"""Migrated databases, each for one test, and what is kept and waited for in them."""

import itertools
import shutil
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, select
from sqlmodel import SQLModel

from heartbeat.store.database import Database

TEMPLATE = "heartbeat_template"


NUMBERS = itertools.count(1)


def fresh_database(request: pytest.FixtureRequest, kind: str) -> str:
    """The URL of a new copy of the migrated template; it is removed when the requesting fixture is done."""
    number = next(NUMBERS)
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return f"sqlite:///{shutil.copy(template, template.with_name(f'heartbeat-{number}.db'))}"
    server: str = request.getfixturevalue("postgres_template")
    _administer(server, f"CREATE DATABASE heartbeat_{number} TEMPLATE {TEMPLATE}")
    request.addfinalizer(lambda: _administer(server, f"DROP DATABASE heartbeat_{number} WITH (FORCE)"))
    return server.format(database=f"heartbeat_{number}")


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
        connection.execute(statement)


def everything(database: Database) -> bytes:
    """All that the database keeps: the bytes of SQLite's files, or every value of every row."""
    if database.is_sqlite:
        file = Path(make_url(database.url).database or "")
        files = sorted(file.parent.glob(f"{file.name}*"))
        assert [kept.name.removeprefix(file.name) for kept in files] == ["", "-shm", "-wal"]
        return b"".join(kept.read_bytes() for kept in files)
    tables = SQLModel.metadata.sorted_tables
    found = database.read_now(lambda connection: [connection.execute(select(table)).all() for table in tables])
    return repr(found).encode()


def waiting(database: Database) -> bool:
    """Whether a transaction waits for another one's end."""
    held_up = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    return database.read_now(lambda c: c.exec_driver_sql(held_up).scalar_one()) > 0
