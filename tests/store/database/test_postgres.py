"""PostgreSQL that is silent, slow, or not what it was a moment ago."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database.database import Database, wait_at_most
from tests.support.databases import fresh_database, waiting
from tests.support.patience import until
from tests.support.stopped_postgres import stopped, stopped_server


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return fresh_database(request, "postgresql")


@pytest.fixture
def limited(url: str) -> Iterator[Database]:
    """A store whose reads and writes take twenty seconds at most."""
    with closing(Database(url, 20)) as database:
        yield database


@pytest.fixture
def hurried(url: str) -> Iterator[Database]:
    """A store that waits no longer than a second."""
    with closing(Database(url, 1)) as database:
        yield database


A_PROJECT = """
    INSERT INTO project (uuid, name, plan, period_anchor_day, created_at)
    VALUES (%(uuid)s, '', 'pro', 1, now()) RETURNING id
"""


def pid(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()


def driver_of(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def a_project(connection: Connection, uuid: str) -> int:
    return connection.exec_driver_sql(A_PROJECT, {"uuid": uuid}).scalar_one()


def names(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT name FROM project ORDER BY id").scalars())


def named_statements(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()


def shown(connection: Connection, name: str) -> str:
    return connection.exec_driver_sql(f"SHOW {name}").scalar_one()


async def test_a_silent_connection_is_dropped_and_the_next_is_tried(limited: Database) -> None:
    before = await limited.read(pid)
    with stopped({before}):
        assert await limited.read(pid) != before


def test_a_connection_that_is_lent_again_is_sent_nothing_but_its_transaction(limited: Database, tmp_path: Path) -> None:
    with (tmp_path / "trace").open("wb") as file:
        limited.read_now(lambda connection: driver_of(connection).pgconn.trace(file.fileno()))
        limited.read_now(pid)
        limited.read_now(lambda connection: driver_of(connection).pgconn.untrace())
    sent = re.findall(r'\tQuery\t "(.+)"', (tmp_path / "trace").read_text())
    assert sent == ["BEGIN", "SELECT pg_backend_pid()", "COMMIT", "BEGIN"]


async def test_a_stopped_server_ends_every_read(hurried: Database, limited: Database) -> None:
    """More of them than there are threads, so that some never come to a connection."""
    with stopped_server(hurried):
        results = await asyncio.gather(*(hurried.read(pid) for _ in range(25)), return_exceptions=True)
        assert {type(result) for result in results} == {Unavailable}
    assert await limited.read(pid)


async def test_a_commit_without_an_answer_may_have_been_made(hurried: Database) -> None:
    halted: list[int] = []

    def change(connection: Connection) -> None:
        halted.append(pid(connection))
        os.kill(halted[0], signal.SIGSTOP)

    try:
        with pytest.raises(Unavailable, match="made whole, or not at all") as problem:
            await hurried.write(change)
        assert problem.value.code == "outcome_unknown"
    finally:
        os.kill(halted[0], signal.SIGCONT)


async def test_a_task_waits_for_all_its_reads_together(url: str) -> None:
    with closing(Database(url)) as database, wait_at_most(2):
        database.read_now(pid)
        with stopped_server(database):
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await database.read(pid)
        with pytest.raises(Unavailable, match="in time"):
            await database.read(pid)


async def test_the_server_ends_what_takes_too_long(hurried: Database, url: str) -> None:
    """A transaction that waits for another's lock does not outlive its caller."""
    lock = "SELECT id FROM project FOR UPDATE"
    hurried.write_now(a_project, "p")
    with closing(Database(url)) as other, other._engine.connect() as holder:
        holder.exec_driver_sql(lock).all()
        with pytest.raises(Unavailable):
            await hurried.write(lambda connection: connection.exec_driver_sql(lock).all())
        await until(lambda: waiting(other), lambda waits: not waits)


@pytest.mark.parametrize(("limit", "statement"), [(20, "20s"), (None, "0")])
async def test_the_limits_of_the_server(url: str, limit: float | None, statement: str) -> None:
    with closing(Database(url, limit)) as database:
        assert await database.read(shown, "statement_timeout") == statement
        assert await database.read(shown, "idle_in_transaction_session_timeout") == "1min"


@pytest.mark.parametrize(("query", "named"), [("", True), ("prepare_threshold=1000", False)])
async def test_statements_have_names_unless_the_url_says_otherwise(url: str, query: str, named: bool) -> None:
    """They outlive their transactions, also those that only read."""
    with closing(Database(f"{url}{'&' if '?' in url else '?'}{query}")) as database:
        for _ in range(7):
            await database.read(pid)
        assert (await database.read(named_statements) > 0) is named


def failure(connection: Connection, code: str, message: str) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = '{message}'; END $$"
    connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("code", "message", "dropped"),
    [
        ("26000", 'prepared statement "_pg3_0" does not exist', True),
        ("42P05", 'prepared statement "_pg3_0" already exists', True),
        ("25006", "cannot execute UPDATE in a read-only transaction", True),
        ("0A000", "cached plan must not change result type", True),
        ("42501", "permission denied for table run", False),
        ("40P01", "deadlock detected, again and again", False),
        ("53300", "too many connections", False),
    ],
)
async def test_the_database_s_trouble(limited: Database, code: str, message: str, dropped: bool) -> None:
    before = await limited.read(pid)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await limited.write(failure, code, message)
    assert (await limited.read(pid) != before) is dropped


@pytest.mark.parametrize("code", ["22P02", "23505", "0A000", "42601"])
async def test_a_mistake_of_ours_is_no_trouble_of_the_database(limited: Database, code: str) -> None:
    with pytest.raises(DBAPIError):
        await limited.write(failure, code, "no")


async def test_of_two_in_each_other_s_way_both_are_made_once(limited: Database) -> None:
    """Each changes a row and then that of the other, and none of them goes on before both have theirs."""
    ids = [limited.write_now(a_project, name) for name in ("one", "other")]
    both, attempts = threading.Barrier(2), []

    def change(connection: Connection, first: int, second: int) -> None:
        attempts.append(first)
        rename(connection, first)
        if len(attempts) <= 2:
            both.wait(20)
        rename(connection, second)

    def rename(connection: Connection, project_id: int) -> None:
        connection.exec_driver_sql("UPDATE project SET name = name || '.' WHERE id = %(id)s", {"id": project_id})

    await asyncio.gather(limited.write(change, *ids), limited.write(change, *reversed(ids)))
    assert len(attempts) > 2
    assert limited.read_now(names) == ["..", ".."]


@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_what_was_undone_for_another_s_sake_is_made_again(limited: Database, code: str) -> None:
    left = [2]

    def change(connection: Connection) -> int:
        project_id = a_project(connection, "p")
        if left[0]:
            left[0] -= 1
            failure(connection, code, "undone")
        return project_id

    assert limited.write_now(change)
    assert limited.read_now(names) == [""]


async def test_no_more_go_on_at_once_than_the_pool_has_connections(url: str) -> None:
    with closing(Database(url, 20, pool_size=3)) as database:
        pids = await asyncio.gather(*(database.read(slow_pid) for _ in range(12)))
    assert len(set(pids)) == 3


def slow_pid(connection: Connection) -> int:
    connection.exec_driver_sql("SELECT pg_sleep(0.05)")
    return pid(connection)
