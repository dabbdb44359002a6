"""A disk that is full is told from a database that is away."""

import pytest
from sqlalchemy import Connection

from heartbeat.domain.errors import Unavailable
from heartbeat.store.database import full_disk
from heartbeat.store.database.database import Database

# What PostgreSQL says of a file that it cannot make longer.
NO_SPACE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$"


def use_all_room(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(NO_SPACE)
    connection.exec_driver_sql("PRAGMA max_page_count = 1")
    connection.exec_driver_sql("CREATE TABLE more (content)")
    connection.exec_driver_sql("INSERT INTO more VALUES (zeroblob(1000000))")


async def test_it_says_so_and_nothing_was_changed(database: Database) -> None:
    with pytest.raises(Unavailable) as problem:
        await database.write(use_all_room)
    assert (problem.value.code, problem.value.message) == ("database_full", full_disk.MESSAGE)
    if database.is_sqlite:
        tables = "SELECT count(*) FROM sqlite_master WHERE name = 'more'"
        assert await database.read(lambda connection: connection.exec_driver_sql(tables).scalar_one()) == 0
