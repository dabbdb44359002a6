"""What the first page asks of the store: few statements, and none that walks through the logs."""

import pytest
from sqlalchemy import Connection, event

from heartbeat.store import overview
from tests.dashboard.conftest import Owner

BOUND = {"project_id": 1, "limit": 50, "offset": 0, "since": "2026-11-01"}
STATEMENTS = {
    "listed": overview.LISTED,
    "states": overview.STATES,
    "running": overview.RUNNING,
    "days": overview.DAYS,
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_an_index_serves_each(owner: Owner, name: str) -> None:
    def plan(connection: Connection) -> str:
        asked = STATEMENTS[name].compile(connection)
        given = asked.construct_params({key: value for key, value in BOUND.items() if key in asked.params})
        if connection.dialect.name == "sqlite":
            in_order = tuple(given[key] for key in asked.positiontup)
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", in_order)
            return "\n".join(row.detail for row in rows)
        # With so few rows it would read them all: it has to be asked whether it could do otherwise.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {asked}", given))

    found = await owner.database.read(plan)
    assert "SCAN run\n" not in f"{found}\n"
    assert "SCAN heartbeat" not in found
    assert "Seq Scan" not in found
    if name == "running":
        assert "ix_run_running" in found


async def test_the_first_page_asks_six_times(owner: Owner) -> None:
    asked: list[str] = []
    engine = owner.database._engine

    def note(_: object, __: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    await owner.browser.page("/")
    event.remove(engine, "before_cursor_execute", note)
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 6
