"""`heartbeat reconcile` as a person runs it: a process of its own, because it leaves without a farewell."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from temporalio.client import Client
from temporalio.service import RPCError

import worker
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from tests.support.databases import fresh_database
from tests.support.past_runs import a_run
from tests.support.processes import run_command
from tests.support.seeds import a_bot, a_heartbeat, a_project


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    return fresh_database(request, "sqlite")


@pytest.fixture
def variables(database_url: str, temporal: Client) -> dict[str, str]:
    return {
        "HEARTBEAT_DATABASE_URL": database_url,
        "HEARTBEAT_TASK_QUEUE": new_id("queue"),
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
    }


@pytest.fixture
def row(database_url: str) -> Heartbeat:
    """A heartbeat whose schedule was put once and is gone."""
    with closing(Database(database_url)) as database:
        now = datetime.now(UTC)
        return database.write_now(
            lambda c: a_heartbeat(c, a_bot(c, a_project(c)), synced_version=1, accounted_until=now)
        )


def reconcile(variables: dict[str, str], *flags: str) -> tuple[int, str, str]:
    outcome = run_command("reconcile", *flags, **variables)
    return outcome.code, outcome.out, outcome.err


async def test_it_says_what_it_would_do_and_then_does_it(
    variables: dict[str, str], row: Heartbeat, temporal: Client
) -> None:
    difference = f"{row.uuid}  created: its schedule was gone\n"
    handle = temporal.get_schedule_handle(row.uuid)
    assert reconcile(variables, "--dry-run") == (0, f"{difference}1 would be put right (--dry-run).\n", "")
    with pytest.raises(RPCError):
        await handle.describe()
    assert reconcile(variables) == (0, f"{difference}1 put right.\n", "")
    await handle.describe()
    assert reconcile(variables) == (0, "Every schedule stands as its row says.\n", "")
    await handle.delete()


async def test_after_a_restore_it_closes_what_was_under_way_once_no_worker_is_at_work(
    variables: dict[str, str], row: Heartbeat, temporal: Client
) -> None:
    with closing(Database(variables["HEARTBEAT_DATABASE_URL"])) as database:
        database.write_now(lambda c: a_run(c, row, "running"))
        own = {"database_url": variables["HEARTBEAT_DATABASE_URL"], "task_queue": variables["HEARTBEAT_TASK_QUEUE"]}
        settings = Settings(_env_file=None, temporal_address=variables["TEMPORAL_ADDRESS"], **own)
        async with worker.running_worker(temporal, database, settings):
            code, out, err = await asyncio.to_thread(reconcile, variables, "--after-restore")
        assert (code, out, err.startswith("heartbeat: Stop all workers first")) == (1, "", True)
        # Nobody has ever worked there.
        elsewhere = variables | {"HEARTBEAT_TASK_QUEUE": new_id("queue")}
        code, out, err = reconcile(elsewhere, "--after-restore")
        assert (code, err, out.splitlines()[-1]) == (0, "", "1 put right.")
        assert "Runs that were under way: 1. They are closed as errors" in out
        [run] = database.read_now(lambda c: many(c, Run, select(columns(Run))))
        assert run.error_code == "restored"
    await temporal.get_schedule_handle(row.uuid).delete()


def test_without_temporal_it_says_where_it_looked(variables: dict[str, str]) -> None:
    code, out, err = reconcile(variables | {"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert (code, out) == (1, "")
    assert err == "heartbeat: Temporal cannot be reached at 127.0.0.1:1; is it up?\n"
