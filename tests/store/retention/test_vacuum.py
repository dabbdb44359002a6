"""The room of what was removed goes back to the disk: of new files, and of old ones once they are compacted."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.migrations import migrate
from heartbeat.store.retention import vacuum
from heartbeat.store.retention.pruning import Pruning
from heartbeat.store.tables.bots import Bot
from tests.support.seeds import NOW, a_bot, a_project


@pytest.fixture
def file_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated file of SQLite: there is none of PostgreSQL to look at."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'heartbeat.db')}"


def pages(database: Database) -> int:
    return database.read_now(lambda c: int(c.exec_driver_sql("PRAGMA page_count").scalar_one()))


def write_and_remove(connection: Connection) -> None:
    project = a_project(connection)
    for _ in range(4):
        a_bot(connection, project, instruction="x" * 1_000_000)
    connection.execute(columns(Bot).delete())


async def test_room_is_given_back_until_some_is_left(file_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuum, "PAGES", 100)
    monkeypatch.setattr(vacuum, "SPARE_PAGES", 300)
    with closing(Database(file_url)) as database:
        before = pages(database)
        database.write_now(write_and_remove)
        assert pages(database) > before + 900
        await Pruning(database, {}).run(NOW, seconds=60.0)
        assert pages(database) == pytest.approx(before + 300, abs=5)


def test_a_file_of_before_is_compacted(file_url: str) -> None:
    with closing(Database(file_url)) as database:
        _as_before(file_url)
        before = pages(database)
        database.write_now(write_and_remove)
        assert database.write_now(vacuum.give_back) == 0
    migrate.compact(file_url)
    with closing(Database(file_url)) as database:
        assert pages(database) == pytest.approx(before, abs=5)
        mode = database.read_now(lambda c: c.exec_driver_sql("PRAGMA auto_vacuum").scalar_one())
        assert mode == vacuum.INCREMENTAL


def _as_before(url: str) -> None:
    with closing(sqlite3.connect(make_url(url).database or "", isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum=none")
        connection.execute("VACUUM")


def test_nothing_is_given_back_where_there_is_nothing(database: Database) -> None:
    assert database.write_now(vacuum.give_back) == 0
