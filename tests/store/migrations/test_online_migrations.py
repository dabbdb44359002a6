"""Migrations run while API and workers of the version before are at work: no long lock, and nothing taken from them."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import psycopg
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from heartbeat.store.database.database import Database, make_engine
from heartbeat.store.migrations import migrate, online_indexes
from heartbeat.store.migrations.revisions import newest
from tests.support.databases import waiting, without_tables
from tests.support.online_migrations import Shape, breaks, long_locks, shape
from tests.support.patience import PATIENCE, until
from tests.support.processes import migrating
from tests.support.statements import statements

# The last migration of the release before this one; older ones may do what they like.
BEFORE = "0037"
# Statements that may take their lock all the same, by how they begin, and why.
ALLOWED: dict[str, str] = {"UPDATE api_key SET prefix": "a handful of rows, each a key that somebody made"}


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    """A database that lacks the last migration of the release before this one, which changes `bot`."""
    with without_tables(postgres, "before_release") as url:
        migrate.upgrade(url, f"{BEFORE}-1")
        yield url


async def test_a_release_comes_to_a_database_at_work(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Database(url)) as database:
        await _gives_way(database, monkeypatch)
        before = database.read_now(shape)
        with statements() as sent:
            migrate.upgrade(url)
        after = database.read_now(shape)
    assert any("pg_try_advisory_xact_lock" in statement for statement in sent)
    problems = [problem for problem in long_locks(sent) if not problem.startswith(tuple(ALLOWED))]
    assert problems == []
    assert breaks(before, after) == []


# The builder of an index that waits for a snapshot, and the two connections of each process that migrates.
MIGRATORS = """
    SELECT count(*) FILTER (WHERE wait_event = 'virtualxid'), count(*)
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_processes_may_build_indexes_at_once(url: str) -> None:
    """One that waits for its turn is in no statement and so in nobody's way: CONCURRENTLY waits for these."""
    with psycopg.connect(url) as reader, psycopg.connect(url, autocommit=True) as watcher:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        several = [migrating(url) for _ in range(2)]
        await until(lambda: watcher.execute(MIGRATORS).fetchone(), (1, 5).__eq__)
    for process in several:
        process.join(PATIENCE)
    assert [process.exitcode for process in several] == [0, 0]
    assert migrate.current(url) == newest()


async def _gives_way(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that waits for a table lets others use it, and comes again until it has its turn."""
    monkeypatch.setattr(migrate, "LOCK_MS", 200)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)
    with psycopg.connect(database.url.replace("+psycopg", "")) as holder:
        holder.execute("SELECT * FROM bot")
        upgraded = asyncio.create_task(asyncio.to_thread(migrate.upgrade, database.url, BEFORE))
        for waits in (True, False, True):
            await until(partial(waiting, database), waits.__eq__)
    await upgraded
    assert migrate.current(database.url) == BEFORE


async def test_a_migration_that_is_in_a_deadlock_comes_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has altered `heartbeat` and waits for `run`, which a transaction has read that goes on to `heartbeat`."""
    migrate.upgrade(url, "0038")
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)
    with closing(Database(url)) as database, psycopg.connect(url) as reader:
        reader.execute("SET LOCAL deadlock_timeout = '1h'")  # PostgreSQL undoes what is the first to look for a cycle
        reader.execute("SELECT * FROM run")
        upgraded = asyncio.create_task(asyncio.to_thread(migrate.upgrade, url, "0039"))
        await until(partial(waiting, database))
        await asyncio.to_thread(reader.execute, "SELECT * FROM heartbeat")
    await upgraded
    assert migrate.current(url) == "0039"


def test_an_index_is_built_anew_where_an_attempt_was_broken_off(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        attempts = 1 if database_url.startswith("sqlite") else 2
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            for _ in range(attempts):
                online_indexes.create_index("ix_run_new", "run", ["status"], unique=False)
            assert "ix_run_new" in {index["name"] for index in inspect(connection).get_indexes("run")}
            online_indexes.drop_index("ix_run_new", "run")
    with engine.connect() as connection:
        assert "ix_run_new" not in {index["name"] for index in inspect(connection).get_indexes("run")}
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX ix_run_x ON run (status)",
        "CREATE UNIQUE INDEX ix_run_x ON run (status)",
        "ALTER TABLE run ADD COLUMN x INTEGER NOT NULL",
        "ALTER TABLE run ADD COLUMN x UUID DEFAULT gen_random_uuid()",
        "ALTER TABLE run ALTER COLUMN status TYPE TEXT",
        "ALTER TABLE run ALTER COLUMN status SET NOT NULL",
        "ALTER TABLE run ADD CONSTRAINT fk_run_x FOREIGN KEY(x) REFERENCES bot (id)",
        "ALTER TABLE run ADD CHECK (x > 0)",
        "ALTER TABLE run ADD CONSTRAINT uq_run UNIQUE (x)",
        "UPDATE run SET x = 1",
        "DELETE FROM run WHERE x = 1",
        "INSERT INTO heartbeat_day (day) SELECT day FROM run",
    ],
)
def test_what_takes_a_long_lock_is_seen(statement: str) -> None:
    assert len(long_locks([statement])) == 1
    table = "heartbeat_day" if "heartbeat_day" in statement else "run"
    assert long_locks([f"CREATE TABLE {table} (id INTEGER)", statement]) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY ix_run_x ON run (status)",
        "DROP INDEX CONCURRENTLY IF EXISTS ix_run_x",
        "ALTER TABLE run ADD COLUMN x INTEGER",
        "ALTER TABLE run ADD COLUMN x INTEGER DEFAULT '0' NOT NULL",
        "ALTER TABLE run ADD CHECK (x > 0) NOT VALID",
        "ALTER TABLE run VALIDATE CONSTRAINT ck_run_x",
        "UPDATE alembic_version SET version_num='0038' WHERE alembic_version.version_num = '0037'",
    ],
)
def test_what_takes_none_is_let_be(statement: str) -> None:
    assert long_locks([statement]) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("ALTER TABLE bot DROP COLUMN instruction", "bot.instruction is gone or another"),
        ("ALTER TABLE bot ALTER instruction TYPE integer USING 1", "bot.instruction is gone or another"),
        ("ALTER TABLE bot ALTER model SET NOT NULL", "bot.model is gone or another"),
        ("ALTER TABLE bot ADD x integer NOT NULL", "bot.x must be given"),
        ("ALTER TABLE bot ADD UNIQUE (name)", "bot: name must be unique"),
        ("ALTER TABLE bot ADD CHECK (name <> '')", "bot: CHECK (((name)::text <> ''::text))"),
        ("ALTER TABLE bot ADD x integer NOT NULL DEFAULT 0, ADD y integer UNIQUE", None),
        ("CREATE TABLE more (id integer NOT NULL UNIQUE CHECK (id > 0))", None),
    ],
)
def test_what_the_version_before_would_miss_is_seen(database: Database, statement: str, problem: str | None) -> None:
    def change(connection: Connection) -> tuple[Shape, Shape]:
        before = shape(connection)
        with connection.begin_nested() as savepoint:
            connection.exec_driver_sql(statement)
            after = shape(connection)
            savepoint.rollback()
        return before, after

    assert breaks(*database.write_now(change)) == [problem] * (problem is not None)
