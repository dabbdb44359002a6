"""What the pages ask of the store: few statements, and none that walks through the logs."""

from typing import Any

import pytest
from sqlalchemy import Connection

from api.dashboard.pages import FIRST_PAGE
from heartbeat.domain.plans import Plan
from heartbeat.store.credits import usage
from heartbeat.store.database.pages import Page
from heartbeat.store.memory.memory import MemoryOwner, remember
from heartbeat.store.notifications import messages, targets
from heartbeat.store.overview import entries, heartbeat_list, projects, run_filters, upcoming, waiting
from heartbeat.store.overview import targets as owners
from heartbeat.store.overview.messages import message_page
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import comparisons
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.dashboard import Owner, a_run
from tests.support.pending_rows import (
    a_call,
    a_finding,
    a_message,
    a_subscriber,
    a_target,
    a_task,
    a_tool,
    an_approval,
    changed_tool,
)
from tests.support.rows import every_row
from tests.support.seeds import NOW
from tests.support.statements import statements_with_parameters

BOUND = {
    "project_id": 1,
    "limit": 50,
    "offset": 0,
    "since": "2026-11-01",
    "project": 1,
    "bot": 1,
    "heartbeat": 1,
    "run": 1,
    "now": NOW,
    "status": "success",
    "most": 5,
    "start": NOW,
    "before": 1,
    "wanted": "hb_x",
    "until": "2026-12-01",
    "bot_uuid": None,
}
# A thousand of what there is most of, for PostgreSQL to know of; what they refer to need not be there.
MANY = (
    """
INSERT INTO entry (project_id, kind, credits, held, granted, absorbed, tokens, period_start, created_at)
SELECT 1, 'model', 1, 0, 0, 0, 0, now(), now() FROM generate_series(1, 1000)
""",
    """
INSERT INTO event (uuid, project_id, bot_id, heartbeat_id, run_id, kind, data, created_at)
SELECT 'event_' || n, 1, 1, 1, n, 'heartbeat.error', '{}', now() FROM generate_series(1, 1000) AS n
""",
)
STATEMENTS = {
    "states": heartbeat_list.STATES,
    "heartbeats in a state": heartbeat_list.IDS_BY_STATE["on"],
    "running": projects.RUNNING,
    "newest to replay": comparisons.NEWEST,
    "counts": waiting.COUNTS,
    "ledger of a period": entries.OF_PERIOD,
    "ledger of a period by place": entries.OF_PERIOD_BY_PLACE,
    "ledger of a heartbeat": entries.OF_HEARTBEAT,
    "ledger of a run": entries.OF_RUN,
    "grants": entries.GRANTS,
    "bots of the period": usage.BY_BOT,
    "heartbeats of the period": usage.BY_HEARTBEAT,
    "heartbeats of an earlier period": usage.PAST_BY_HEARTBEAT,
    "bots to be told of": owners.BOTS,
    "heartbeats to be told of": owners.HEARTBEATS,
    "subscribers to be told of": owners.MEMBERS,
    "waiting approvals": waiting.WAITING_APPROVALS,
    "old approvals": waiting.OLD_APPROVALS,
    "approvals of a run": waiting.OF_RUN,
    "approvals of a heartbeat": waiting.OF_HEARTBEAT,
    "open findings": waiting.OPEN_FINDINGS,
    "last open findings": waiting.LAST_OPEN_FINDINGS,
    "other findings": waiting.OTHER_FINDINGS,
    "findings of a heartbeat": waiting.OPEN_OF_HEARTBEAT,
    "messages of a run": messages.OF_RUN,
    "due next": upcoming.DUE,
    "standing still": upcoming.STILL,
    "how many stand still": upcoming.STILL_COUNT,
    "heartbeats to filter by": run_filters.HEARTBEATS_OF_PROJECT,
}
# Read in the order of their index, and no further than to the limit.
IN_ORDER = {
    "due next": "ix_heartbeat_upcoming",
    "heartbeats to filter by": "ix_heartbeat_project",
    "ledger of a period by place": "ix_entry_project",
}


async def test_an_index_serves_each(owner: Owner) -> None:
    plans = await owner.database.read(plans_of_all)
    with every_row() as row:
        for name, steps in plans.items():
            with row(name):
                assert "SCAN run\n" not in f"{steps}\n"
                for table in ("heartbeat", "approval", "finding", "entry", "subscriber"):
                    assert f"SCAN {table}" not in steps
                assert "Seq Scan" not in steps
    for name, index in IN_ORDER.items():
        assert index in plans[name]
        assert "Sort" not in plans[name]
        assert "TEMP B-TREE" not in plans[name]
    assert "ix_run_running" in plans["running"]
    assert "ix_event_run" in plans["messages of a run"]
    if owner.database.is_sqlite:
        assert "(project_id=? AND period_start=? AND id<?)" in plans["ledger of a period"]
        for name, index in {"bots of the period": "period", "heartbeats of the period": "period_credits"}.items():
            assert f"COVERING INDEX ix_heartbeat_{index} (project_id=? AND period_start=?)" in plans[name]
        # What is left to be sorted are the few first of each bot.
        for name, index in {"open findings": "ix_finding_open", "other findings": "ix_finding_past"}.items():
            assert f"SEARCH finding USING INDEX {index} (bot_id=?)" in plans[name]
    # No range of keys: a collation need not put `;` after `:`.
    assert ("AND key>?)" if owner.database.is_sqlite else "uq_entry_key") in plans["grants"]


def plans_of_all(connection: Connection) -> dict[str, str]:
    if connection.dialect.name == "postgresql":
        # With so few rows it would read them all: it has to be asked whether it could do otherwise. Which index it
        # takes it decides by what it knows of the rows.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for insert in MANY:
            connection.exec_driver_sql(insert)
        connection.exec_driver_sql("ANALYZE entry, event")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    plans = {name: plan(connection, statement) for name, statement in STATEMENTS.items()}
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_sort = off")
    return plans | {name: plan(connection, STATEMENTS[name]) for name in IN_ORDER}


def plan(connection: Connection, query: Any) -> str:
    one = query[connection.dialect.name] if isinstance(query, dict) else query
    statement = one.compile(connection)
    parameters = statement.construct_params({key: value for key, value in BOUND.items() if key in statement.params})
    if connection.dialect.name == "sqlite":
        in_order = tuple(parameters[key] for key in statement.positiontup)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", in_order)
        return "\n".join(row.detail for row in rows)
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))


async def queries(owner: Owner, path: str) -> list[tuple[str, Any]]:
    """What a page asks of the store: each statement with its parameters."""
    with statements_with_parameters(owner.database._engine) as sent:
        await owner.browser.page(path)
    return [(statement, parameters) for statement, parameters in sent if statement.startswith("SELECT")]


async def asked(owner: Owner, path: str) -> int:
    """How many statements a page costs."""
    return len(await queries(owner, path))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?show=running&q=queue&sort=credits&page=2",
        "/stats",
        "/heartbeats/{uuid}",
        "/credits/ledger?bot={bot}&model=openai:scripted&day=2026-11-20",
        "/credits/ledger?day=2026-11-20",
    ],
)
async def test_no_statement_of_a_page_walks_through_the_runs(owner: Owner, path: str) -> None:
    seen = await queries(owner, path.format(uuid=owner.heartbeat.uuid, bot=owner.bot.uuid))
    explain = "EXPLAIN QUERY PLAN" if owner.database.is_sqlite else "EXPLAIN"

    def plans(connection: Connection) -> str:
        if not owner.database.is_sqlite:
            # With so few rows it would read them all: it has to be asked whether it could do otherwise.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        # What opens the session goes to the driver directly, with a list.
        own = [(sql, values) for sql, values in seen if not isinstance(values, list)]
        rows = [connection.exec_driver_sql(f"{explain} {sql}", values) for sql, values in own]
        return "\n".join(str(row[-1]) for result in rows for row in result)

    steps = await owner.database.read(plans)
    assert "SCAN run\n" not in f"{steps}\n"
    assert "SCAN daily_rollup" not in steps
    assert "Seq Scan on" not in steps
    assert "SCAN entry" not in steps
    assert "ix_run_" in steps or path == "/stats"


async def test_each_page_asks_as_often_however_much_there_is(owner: Owner) -> None:
    """One statement opens the session, one counts what waits; the others are the page's own."""
    run = await owner.run(status="running", finished_at=None, duration_ms=None)
    task = await owner.database.write(lambda c: a_task(c, owner.heartbeat))
    counts = {
        "/": 10,
        "/stats": 3,
        "/approvals": 4,
        "/findings": 4,
        "/tools": 4,
        "/tasks": 8,
        "/upcoming": 7,
        "/bots": 4,
        f"/bots/{owner.bot.uuid}": 11,
        "/subscribers": 8,
        "/memories": 10,
        "/notifications": 6,
        "/notifications/new?channel=slack": 5,
        "/credits": 8,
        "/credits/ledger": 5,
        f"/credits/ledger?bot={owner.bot.uuid}&model=openai:scripted": 10,
        "/keys": 6,
        "/settings": 3,
        f"/heartbeats/{owner.heartbeat.uuid}": 12,
        f"/strips/{task.uuid}": 4,
        f"/heartbeats/{owner.heartbeat.uuid}/edit": 15,
        f"/heartbeats/{owner.heartbeat.uuid}/delete": 4,
        "/heartbeats/new": 12,
        f"/tasks/{task.uuid}": 8,
        f"/runs/{run.uuid}": 10,
        f"/runs/{run.uuid}/compare/{run.uuid}": 7,
        f"/rehearsals/{run.uuid}": 5,
        "/runs": 10,
        "/runs?q=rain": 10,
    }
    for number in range(1, 4):
        await owner.database.write(lambda c, number=number: _more(c, owner, run, task, number))
        assert {path: await asked(owner, path) for path in counts} == counts


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_messages_are_found_without_walking_through_those_of_others(owner: Owner) -> None:
    def plans(connection: Connection) -> list[str]:
        access = Access(owner.project, Plan())
        with statements_with_parameters(connection) as sent:
            message_page(connection, owner.project, None, FIRST_PAGE, 20)
            messages.notifications(connection, access, {}, Page(1, 20))
            messages.notifications(connection, access, {"status": "failed"}, Page(1, 20))
            messages.notifications(connection, access, {"target": "tgt_1"}, Page(1, 20))
            messages.notifications(connection, access.narrowed(owner.bot), {"kind": "run.failed"}, Page(1, 20))
            targets.last_errors(connection, access)
        return [
            row.detail
            for statement, parameters in sent
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    steps = await owner.database.read(plans)
    served = {
        index: len([line for line in steps if f"COVERING INDEX ix_notification_{index} " in line])
        for index in ("project", "project_status", "target", "bot_kind")
    }
    assert served == {"project": 3, "project_status": 2, "target": 2, "bot_kind": 2}
    assert not [line for line in steps if line.startswith("SCAN notification")]


def _more(connection: Connection, owner: Owner, run: Run, task: Heartbeat, number: int) -> None:
    """One more of everything."""
    for state in ("pending", "denied"):
        step = 2 * number + (state == "denied")
        an_approval(connection, run, step=step, state=state)
        a_call(connection, run, number=step)
    a_finding(connection, owner.heartbeat)
    member = a_subscriber(connection, owner.bot, name="Ann")
    remember(connection, MemoryOwner(owner.bot.id, member.id), f"Ann is on call, {number}.", run.id, NOW)
    a_tool(connection, owner.heartbeat, server_label=f"desk{number}", tools=[changed_tool("forecast")])
    a_finding(connection, owner.heartbeat, state="snoozed", snoozed_until=NOW)
    a_task(connection, owner.heartbeat, made_by_run_id=run.id)
    a_task(connection, owner.heartbeat, deleted_at=NOW, ended_as="done")
    target = a_target(connection, owner.heartbeat)
    a_message(connection, owner.heartbeat, target, last_error="Nobody listens.")
    for heartbeat in (owner.heartbeat, task):
        a_run(connection, heartbeat)
        a_run(connection, heartbeat, dry_run=True)
        a_run(connection, heartbeat, status="running", finished_at=None, duration_ms=None)
