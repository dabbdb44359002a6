"""What each released version left behind is taken over: its database is migrated, and its histories replay."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, create_engine, select, text
from temporalio.client import WorkflowHistory

from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.migrations import migrate
from heartbeat.store.runs.closing import close_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval, Run
from tests.support.databases import without_tables
from tests.support.histories import replay
from tests.support.releases import REVISIONS, tables, unpack

RESTART = "SELECT setval(pg_get_serial_sequence('{0}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {0}), false)"
# How each of its runs had ended, or not.
ENDED = {
    "answers": "success",
    "works": "success",
    "fails": "error",
    "is denied": "success",
    "is cancelled": "cancelled",
    "asks": "running",
    "hangs": "running",
}


@pytest.fixture(scope="module", params=list(REVISIONS))
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def directory(version: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release")
    unpack(version, path)
    return path


def facts_of(directory: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((directory / "facts.json").read_text())
    return facts


def test_the_migrations_of_the_last_release_still_make_its_tables(tmp_path: Path) -> None:
    version, revision = list(REVISIONS.items())[-1]
    unpack(version, tmp_path)
    migrate.upgrade(f"sqlite:///{tmp_path / 'anew.db'}", revision)
    assert tables(tmp_path / "anew.db") == tables(tmp_path / "heartbeat.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def left_behind(request: pytest.FixtureRequest, version: str, directory: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of the database that a version left behind; on PostgreSQL it has what it would have there."""
    file = Path(shutil.copy(directory / "heartbeat.db", tmp_path))
    if request.param == "sqlite":
        yield f"sqlite:///{file}"
        return
    with without_tables(request.getfixturevalue("postgres"), "released") as url:
        migrate.upgrade(url, REVISIONS[version])
        with closing(Database(url)) as database:
            database.write_now(fill, file)
        yield url


def test_its_rows_are_taken_over(left_behind: str, directory: Path) -> None:
    facts, url = facts_of(directory), left_behind
    migrate.upgrade(url)
    with closing(Database(url)) as database:
        status = {run.uuid: run.status for run in database.read_now(rows, Run)}
        assert {name: status[log] for name, log in facts["logs"].items()} == ENDED
        living = {row.uuid: row.enabled for row in database.read_now(rows, Heartbeat)}
        assert {living[uuid] for uuid in facts["heartbeats"].values()} == {True}
        [waiting] = [row for row in database.read_now(rows, Approval) if row.state == "pending"]
        assert waiting.tool == "desk__book"
        assert database.read_now(audit) == []
        for name in ("asks", "hangs"):
            database.write_now(close_run, facts["logs"][name], Ending("error", "x", "x"), datetime.now(UTC))
        assert database.read_now(audit) == []
        assert {run.credits_held for run in database.read_now(rows, Run)} == {0}


def fill(connection: Connection, file: Path) -> None:
    """Copy all rows of a SQLite file of the same revision, with their numbers."""
    metadata = MetaData()
    metadata.reflect(connection)
    metadata.remove(metadata.tables["alembic_version"])
    source = create_engine(f"sqlite:///{file}")
    with source.connect() as sqlite:
        for table in metadata.sorted_tables:
            connection.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER ALL"))
            if found := sqlite.execute(select(table)).mappings().all():
                connection.execute(table.insert(), [dict(row) for row in found])
            connection.execute(text(f"ALTER TABLE {table.name} ENABLE TRIGGER ALL"))
            if "id" in table.c:
                connection.execute(text(RESTART.format(table.name)))
    source.dispose()


def rows(connection: Connection, table: type) -> list[Any]:
    return many(connection, table, select(columns(table)))


async def test_its_histories_replay(directory: Path) -> None:
    histories = json.loads((directory / "histories.json").read_text())
    assert len(histories) == len(ENDED)
    for name, history in histories.items():
        await replay(WorkflowHistory.from_json(name, history))
