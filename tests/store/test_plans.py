"""What is asked every minute is found by an index of just that, whatever the planner knows of the tables."""

from typing import Any

from sqlalchemy import Connection, insert, literal_column, select, text

from heartbeat.settings import Settings
from heartbeat.store.audit.reading import AuditFilter, audit_page
from heartbeat.store.credits.audit import audit_newest
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.database.statistics import MIN_ROWS, TableStatistics
from heartbeat.store.heartbeats.missed_ticks import silent
from heartbeat.store.heartbeats.probes import due_probes
from heartbeat.store.heartbeats.project_holds import runs_to_cancel
from heartbeat.store.heartbeats.reconnects import lift_reconnect_pauses
from heartbeat.store.heartbeats.sync import lift_budget_pauses, long_running, longest_uncompared, unsynced
from heartbeat.store.notifications.outbox import overdue_notifications
from heartbeat.store.overview.counts import counts
from heartbeat.store.runs.approvals import unheard
from heartbeat.store.runs.parks import payable_parks, unheard_parks
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Notification
from heartbeat.store.tables.runs import Approval, Run, Step
from heartbeat.store.tools.connections import due_refreshes
from tests.support.past_runs import a_run
from tests.support.pending_rows import a_call, a_message, a_target, an_approval
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project
from tests.support.statements import statements_with_parameters

RUN, STEP, APPROVAL, HEARTBEAT, NOTIFICATION = (
    columns(table) for table in (Run, Step, Approval, Heartbeat, Notification)
)
PLANS = Settings(_env_file=None).plan
# By name, each with what it is asked with and the tables that it may read whole.
ASKED: dict[str, tuple[Any, tuple[Any, ...], tuple[str, ...]]] = {
    "lift_budget_pauses": (lift_budget_pauses, (NOW,), ()),
    "refresh_connections": (due_refreshes, (NOW, 200), ()),
    "lift_reconnect_pauses": (lift_reconnect_pauses, (NOW,), ()),
    "tell_decisions": (unheard, (200,), ()),
    "tell_decisions, parks": (unheard_parks, (200,), ()),
    "tell_decisions, credits": (payable_parks, (PLANS, NOW), ()),
    "cancel_held_runs": (runs_to_cancel, (NOW,), ()),
    "check_ledger": (audit_newest, (20, NOW), ()),
    "follow_pending": (unsynced, (200,), ()),
    "reconcile": (longest_uncompared, (20,), ()),
    "account_for_silence": (silent, (NOW, 200), ()),
    "close_lost_runs": (long_running, (NOW, 0, 200), ()),
    "start_probes": (due_probes, (NOW, 200), ()),
    "start_deliveries": (overdue_notifications, (NOW, 200), ()),
    "metrics": (counts, (), ("heartbeat",)),
}
LARGE = ("run", "step", "approval", "entry", "heartbeat", "notification")
COPIES = 1_200


def many(connection: Connection) -> None:
    """Of each large table one row, and very many like it that nobody waits for any more."""
    heartbeat = a_heartbeat(connection, a_bot(connection, a_project(connection)), synced_version=1, compared_at=NOW)
    run = run_by_uuid(connection, a_run(connection, heartbeat))
    a_call(connection, run, state="done")
    an_approval(connection, run, state="approved")
    a_message(connection, heartbeat, a_target(connection, heartbeat), next_attempt_at=None, status="delivered")
    for table, unlike in (
        (RUN, {"uuid": "log_{}", "workflow_id": "w_{}"}),
        (HEARTBEAT, {"uuid": "hb_{}"}),
        (STEP, {"run_id": None}),
        (APPROVAL, {"uuid": "apr_{}", "run_id": None}),
        (NOTIFICATION, {"uuid": "msg_{}", "target_id": None}),
    ):
        row = connection.execute(table.select()).mappings().first()
        numbers = range(10_000, 10_000 + COPIES)
        copies = [{**row, "id": n, **{name: v.format(n) if v else n for name, v in unlike.items()}} for n in numbers]
        connection.execute(insert(table), copies)


def without_references(connection: Connection) -> None:
    postgresql = connection.dialect.name == "postgresql"
    connection.exec_driver_sql("SET LOCAL session_replication_role = replica" if postgresql else "SELECT 1")
    many(connection)


def plans(connection: Connection, query: Any, parameters: tuple[Any, ...]) -> list[str]:
    """How the database finds what each statement of a query asks for, one step a line."""
    with statements_with_parameters(connection) as sent:
        query(connection, *parameters)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return [
        str(row[-1]).strip(" ->")
        for statement, values in sent
        for row in connection.exec_driver_sql(f"{explain} {statement}", values)
    ]


async def test_no_chore_of_upkeep_walks_through_what_is_over(database: Database) -> None:
    if database.is_sqlite:
        with database._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = off")
            many(connection)
            connection.commit()
    else:
        await database.write(without_references)
    assert await walks(database) == {}, "without statistics"
    gathered = await TableStatistics(database).gather()
    assert ("run" in gathered) == database.is_sqlite
    await database.write(lambda connection: connection.execute(text("ANALYZE")))
    assert await walks(database) == {}, "with all statistics"


async def walks(database: Database) -> dict[str, list[str]]:
    """How those find what they are asked for that read all of a large table."""
    walks = {}
    for name, (query, parameters, may_read) in ASKED.items():
        steps = await database.write(plans, query, parameters)
        if any(_is_walk(step, table) for step in steps for table in LARGE if table not in may_read):
            walks[name] = steps
    return walks


async def test_what_was_done_to_one_object_is_found_by_its_index(database: Database) -> None:
    steps = await database.write(plans, audit_page, (1, AuditFilter(object_id="hb_1"), 50))
    assert any("ix_audit_entry_object" in step for step in steps), steps
    assert not any("Sort" in step or "B-TREE" in step for step in steps), steps


def _is_walk(step: str, table: str) -> bool:
    """Whether a step reads all rows of a table: a scan of a partial index reads those that it is of."""
    if step.startswith("SCAN"):
        return f"{step} ".startswith(f"SCAN {table} ") and not step.endswith(PARTIAL)
    return step.startswith(f"Seq Scan on {table} ")


PARTIAL = ("ix_run_running", "ix_heartbeat_unsynced", "ix_heartbeat_uncompared", "ix_heartbeat_pause")


async def test_statistics_are_gathered_when_a_table_has_grown(database: Database) -> None:
    def grow(connection: Connection, last: int) -> None:
        a_heartbeat(connection, a_bot(connection, a_project(connection)), id=last)

    statistics = TableStatistics(database)
    gathered = []
    for last in (MIN_ROWS - 1, MIN_ROWS, 2 * MIN_ROWS - 1, 2 * MIN_ROWS):
        await database.write(grow, last)
        gathered.append(await statistics.gather())
    assert gathered == ([[], ["heartbeat"], [], ["heartbeat"]] if database.is_sqlite else [[]] * 4)
    if database.is_sqlite:
        known = select(literal_column("tbl")).select_from(text("sqlite_stat1")).distinct()
        assert await database.read(lambda c: c.execute(known).scalars().all()) == ["heartbeat"]
