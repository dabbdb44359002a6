"""Every page of logs is found by the index made for it, without sorting."""

from functools import partial
from itertools import product

from sqlalchemy import Connection, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database import Database
from heartbeat.store.rows import columns
from heartbeat.store.runs.logs import _page
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to

RUN = columns(Run)
FILTERS = [
    ("bot_id", *heartbeat, *member, *status)
    for heartbeat, member, status in product([(), ("heartbeat_id",)], [(), ("member_id",)], [(), ("status",)])
]


def seed(connection: Connection) -> dict[str, object]:
    """One busy neighbour, and a bot with a few logs of its own; returns what to look for."""
    project = a_project(connection)
    bots = [a_bot(connection, project) for _ in range(2)]
    member = create_subscriber(connection, access_to(connection, bots[0]), None, "A member", NOW)
    mine = a_heartbeat(connection, bots[0], member_id=member.id)
    neighbour = a_heartbeat(connection, bots[1])
    a_run(connection, mine, "error")
    pattern = connection.execute(RUN.select()).one()._asdict() | {"bot_id": bots[1].id, "member_id": None}
    pattern |= {"heartbeat_id": neighbour.id}
    copies = [pattern | {"id": n, "uuid": f"log_{n}", "workflow_id": f"wf_{n}"} for n in range(1000, 4000)]
    connection.execute(insert(RUN), copies)
    connection.execute(text("ANALYZE"))
    return {"bot_id": bots[0].id, "heartbeat_id": mine.id, "member_id": member.id, "status": "error"}


def plan(connection: Connection, values: dict[str, object], dry_run: bool = False) -> str:
    """How the database finds a page, one step a line."""
    statement = _page(frozenset(values), dry_run).params({**values, "limit": 20, "offset": 0})
    literal = {"literal_binds": True}
    if connection.dialect.name == "sqlite":
        sql = statement.compile(dialect=sqlite.dialect(), compile_kwargs=literal)
        return "\n".join(row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
    sql = statement.compile(dialect=postgresql.dialect(), compile_kwargs=literal)
    return "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {sql}")))


async def test_a_page_of_logs_comes_from_its_index(database: Database) -> None:
    everything = await database.write(seed)
    for filters in FILTERS:
        values = {name: everything[name] for name in filters}
        steps = await database.read(partial(plan, values=values))
        noun = next(name for name in ("heartbeat", "member", "bot") if f"{name}_id" in filters)
        check(steps, f"ix_run_{noun}" + ("_status" if "status" in filters else ""), database.is_sqlite)


async def test_a_page_of_rehearsals_comes_from_its_own_index(database: Database) -> None:
    """They are few, so the real logs are told from them by a look at these few alone."""
    everything = await database.write(seed)
    values = {"bot_id": everything["bot_id"]}
    for dry_run in (False, True):
        assert "ix_run_rehearsed" in await database.read(partial(plan, values=values, dry_run=dry_run))


def check(steps: str, index: str, is_sqlite: bool) -> None:
    lines = steps.splitlines()
    if is_sqlite:
        assert any(f"SEARCH run USING COVERING INDEX {index} (" in line for line in lines), steps
        assert not any(line.startswith(("SCAN run", "USE TEMP B-TREE")) for line in lines), steps
        return
    beneath_limit = "\n".join(lines[next(n for n, line in enumerate(lines) if "Limit" in line) :])
    assert f"using {index} " in beneath_limit, steps
    assert "Seq Scan on run" not in steps
    assert "Sort" not in beneath_limit
