"""What SQLite's planner knows of the tables, every process knows."""

from contextlib import closing

from sqlalchemy import Connection, insert

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.database.statistics import MIN_ROWS, TableStatistics
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.databases import ON_SQLITE
from tests.support.seeds import a_bot, a_heartbeat, a_project

HEARTBEAT = columns(Heartbeat)


def grow(connection: Connection) -> None:
    """Heartbeats with a prompt of their own and one time zone, and an index of each; of another table statistics."""
    heartbeat = a_heartbeat(connection, a_bot(connection, a_project(connection)))
    row = connection.execute(HEARTBEAT.select().where(HEARTBEAT.c.id == heartbeat.id)).mappings().one()
    numbers = range(2, MIN_ROWS + 1)
    copies = [{**row, "id": n, "uuid": f"hb_{n}", "external_id": f"copy {n}", "prompt": str(n)} for n in numbers]
    connection.execute(insert(HEARTBEAT), copies)
    for column in ("prompt", "timezone"):
        connection.exec_driver_sql(f"CREATE INDEX by_{column} ON heartbeat ({column})")
    connection.exec_driver_sql("ANALYZE project")


def index_of_choice(connection: Connection, prompt: int) -> str:
    """How the planner finds the heartbeat with this prompt. The driver keeps statements: ask for another each time."""
    found = f"FROM heartbeat WHERE prompt = '{prompt}' AND timezone = 'UTC'"
    # EXPLAIN alone does not look whether the schema has changed.
    connection.exec_driver_sql(f"SELECT id {found}").all()
    [step] = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT id {found}").all()
    return str(step[-1])


@ON_SQLITE
async def test_processes_that_are_at_work_hear_of_new_statistics(database: Database) -> None:
    """The planner takes the newest of two indexes, until it knows that the other one leads to a single row."""
    await database.write(grow)
    with closing(Database(database.url)) as other:
        assert "by_timezone" in await other.read(index_of_choice, 7)
        assert "heartbeat" in await TableStatistics(database).gather()
        assert "by_prompt" in await other.read(index_of_choice, 8)
