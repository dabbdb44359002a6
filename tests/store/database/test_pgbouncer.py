"""Behind PgBouncer in transaction mode, where each transaction may have another connection to the server."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.migrations import migrate
from heartbeat.store.migrations.revisions import newest
from tests.support.databases import fresh_database
from tests.support.pgbouncer import pooled


@pytest.fixture(params=["extra_float_digits", "extra_float_digits,options"], ids=["refusing", "ignoring"])
def pooled_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A pooler that refuses the options of a connection, and one that does not look at them."""
    with pooled(fresh_database(request, "postgresql"), request.param) as url:
        yield url


async def test_reads_and_writes_share_few_connections(pooled_url: str) -> None:
    def change(connection: Connection, number: int) -> int:
        connection.exec_driver_sql("SELECT pg_sleep(0.01)")
        for _ in range(8):
            connection.exec_driver_sql("UPDATE project SET name = 'x' WHERE id = %(id)s", {"id": number})
        return number

    with closing(Database(pooled_url, 30)) as one, closing(Database(pooled_url, 30)) as other:
        stores = (one, other) * 40
        results = await asyncio.gather(*(store.write(change, n) for n, store in enumerate(stores)))
    assert results == list(range(80))


async def test_each_transaction_has_its_limits_and_leaves_none_behind(pooled_url: str) -> None:
    def limit(connection: Connection) -> str:
        return connection.exec_driver_sql("SHOW statement_timeout").scalar_one()

    with closing(Database(pooled_url, 20)) as api, closing(Database(pooled_url)) as command:
        assert [await api.read(limit), await command.read(limit), await api.write(limit)] == ["20s", "0", "20s"]


async def test_statements_have_no_names(pooled_url: str) -> None:
    def named(connection: Connection) -> int:
        return connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()

    with closing(Database(pooled_url)) as database:
        assert [await database.read(named) for _ in range(8)] == [0] * 8


def test_migrations_go_through_it(pooled_url: str) -> None:
    with closing(Database(pooled_url)) as database:
        database.write_now(lambda c: c.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    migrate.upgrade(pooled_url)
    assert migrate.current(pooled_url) == newest()
