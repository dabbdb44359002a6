"""What Upkeep looks for is found by the index made for it, however much there is."""

from typing import Any

from sqlalchemy import Connection, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.retention import ledger
from heartbeat.store.retention.logs import GONE, OLDEST
from heartbeat.store.retention.pruning import DUE
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run, an_entry
from tests.support.pending_rows import a_message, a_target
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

MANY = range(1_000, 3_000)
SOME = {"runs": [1, 2, 3], "before": NOW}
# The statement, its values, and the indexes that it goes by.
LOOKED_FOR: list[tuple[Any, dict[str, Any], set[str]]] = [
    (DUE, {"last": NOW}, {"ix_bot_pruned"}),
    (OLDEST, {"bot": 1, "after": 0}, {"ix_run_bot"}),
    (GONE, SOME, {"ix_run_replay", "ix_event_run"}),
    (ledger.OLDEST, {"project": 1, "until": NOW, **vars(ledger.FIRST_ENTRY)}, {"ix_entry_project"}),
]


def much(connection: Connection) -> None:
    """Thousands of bots with a run each, and an entry and an event, thousands of times."""
    project = a_project(connection)
    heartbeat = a_heartbeat(connection, a_bot(connection, project))
    uuid = a_run(connection, heartbeat, created_at=NOW)
    an_entry(connection, uuid, 1, "settle")
    a_message(connection, heartbeat, a_target(connection, heartbeat))
    for table, own in ((Bot, "uuid"), (Run, "workflow_id"), (Entry, "step"), (Event, "uuid")):
        rows = columns(table)
        pattern = connection.execute(rows.select().limit(1)).one()._asdict()
        names = {*pattern} & {"id", "uuid", "bot_id", "run_id", own}
        copies = [
            pattern | {name: number if rows.c[name].type.python_type is int else f"{number}" for name in names}
            for number in MANY
        ]
        connection.execute(insert(rows), copies)
    connection.execute(text("ANALYZE"))


def test_indexes_serve(database: Database) -> None:
    database.write_now(much)
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    dialect: Any = sqlite.dialect if database.is_sqlite else postgresql.dialect
    for statement, values, indexes in LOOKED_FOR:
        compiled = statement.params(values).compile(dialect=dialect(), compile_kwargs={"literal_binds": True})
        plan = database.read_now(lambda c, sql=compiled: c.execute(text(f"{explain} {sql}")).all())
        lines = "\n".join(map(str, plan))
        assert {index for index in indexes if index not in lines} == set(), lines
