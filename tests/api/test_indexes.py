"""Every page of logs is found by the index made for it, without sorting."""

from datetime import datetime, timedelta
from functools import partial
from itertools import product
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql

from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.runs import search
from heartbeat.store.runs.logs import _page
from heartbeat.store.runs.quality import JUDGED
from heartbeat.store.tables.runs import Run
from tests.support.past_runs import a_run
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project, access_to

RUN = columns(Run)
FILTERS = [
    ("bot_id", *heartbeat, *member, *status)
    for heartbeat, member, status in product([(), ("heartbeat_id",)], [(), ("member_id",)], [(), ("status",)])
]


def seed(connection: Connection) -> dict[str, Any]:
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
    ids = {"bot_id": bots[0].id, "heartbeat_id": mine.id, "member_id": member.id, "status": "error"}
    return {**ids, "project_id": project.id, "bot_ids": [bot.id for bot in bots]}


def plan(connection: Connection, values: dict[str, object], dry_run: bool = False) -> str:
    """How the database finds a page, one step a line."""
    return explained(
        connection, _page(frozenset(values), dry_run).params({**values, "limit": 20, "offset": 0, "newest": 2**62})
    )


def explained(connection: Connection, statement: Any) -> str:
    """How the database answers a statement, one step a line."""
    literal = {"literal_binds": True}
    if connection.dialect.name == "sqlite":
        sql = statement.compile(dialect=connection.dialect, compile_kwargs=literal)
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


async def test_runs_that_were_judged_come_from_their_own_index(database: Database) -> None:
    """They may be few among many."""
    await database.write(seed)
    neighbour = await database.read(lambda c: c.execute(select(func.max(RUN.c.heartbeat_id))).scalar_one())
    assert "ix_run_judged" in await database.read(explained, JUDGED.params(heartbeat=neighbour))


SEARCHES: list[tuple[dict[str, Any], str]] = [
    ({}, "ix_run_bot"),
    ({"status": "error"}, "ix_run_bot_status"),
    ({"words": ("quiet",)}, "ix_run_bot"),
    ({"heartbeat_id": None}, "ix_run_heartbeat"),
    ({"heartbeat_id": None, "status": "error"}, "ix_run_heartbeat_status"),
    ({"member_id": None}, "ix_run_member"),
    ({"member_id": None, "status": "error"}, "ix_run_member_status"),
    ({"trigger": search.REHEARSAL}, "ix_run_rehearsed"),
]


async def test_a_search_of_runs_is_led_by_an_index(database: Database) -> None:
    """Its candidates are read in order, however many bots there are; nothing is sorted, and no run is walked past."""
    everything = await database.write(seed)

    def plans(connection: Connection, wanted: search.RunFilter) -> tuple[str, str]:
        if connection.dialect.name != "sqlite":
            # With so few rows it would read them all: it has to be asked whether it could do otherwise.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        bounds = {"after": 0, "before": 5000, "most": 500}
        candidates = explained(connection, search._candidates(wanted, connection.dialect.name).params(bounds))
        return candidates, explained(connection, search._matching(wanted, [1, 2, 3], search.STARTS))

    for fields, index in SEARCHES:
        named = {name: everything[name] if value is None else value for name, value in fields.items()}
        bot_ids = (everything["bot_id"],) if "member_id" in fields else tuple(everything["bot_ids"])
        candidates, rows = await database.read(plans, search.RunFilter(everything["project_id"], bot_ids, **named))
        if database.is_sqlite:
            assert f"INDEX {index} (" in candidates, candidates
            assert "SCAN run" not in candidates + rows, candidates + rows
            assert "TEMP B-TREE" not in candidates, candidates
        else:
            assert f"using {index} " in candidates, candidates
            assert "Seq Scan on run" not in candidates + rows
            assert "Sort  (" not in candidates, candidates


async def test_days_are_found_by_halving(database: Database) -> None:
    def bounds(connection: Connection, since: datetime, until: datetime) -> tuple[int, int, int]:
        wanted = search.RunFilter(1, (1,), since=since, until=until)
        ids = search.id_range(connection, wanted)
        between = select(func.count()).where(RUN.c.id > ids.after, RUN.c.id < ids.before)
        return ids.after, ids.before, connection.execute(between).scalar_one()

    def spread(connection: Connection) -> None:
        seed(connection)
        for number in range(100):
            mine = RUN.c.id == 1000 + number * 30
            connection.execute(update(RUN).where(mine).values(started_at=NOW + timedelta(days=number)))
        connection.execute(delete(RUN).where(RUN.c.id % 30 != 10))

    await database.write(spread)
    after, before, number = await database.read(bounds, NOW + timedelta(days=10), NOW + timedelta(days=12))
    assert (after, before, number) == (1000 + 9 * 30, 1000 + 12 * 30 + 1, 3)
    assert (await database.read(bounds, NOW - timedelta(days=9), NOW - timedelta(days=8)))[2] == 0
    assert (await database.read(bounds, NOW + timedelta(days=900), NOW + timedelta(days=901)))[2] == 0


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
