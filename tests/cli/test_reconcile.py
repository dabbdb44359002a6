"""`heartbeat reconcile` as a person runs it: a process of its own, because it leaves without a farewell."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from heartbeat.domain.ids import new_id
from heartbeat.store.database import Database
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.databases import fresh_database
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


def test_without_temporal_it_says_where_it_looked(variables: dict[str, str]) -> None:
    code, out, err = reconcile(variables | {"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert (code, out) == (1, "")
    assert err == "heartbeat: Temporal cannot be reached at 127.0.0.1:1; is it up?\n"
