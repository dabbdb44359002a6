"""A Temporal that takes connections and says nothing: whatever is asked of it ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.temporal import runs
from heartbeat.temporal.client import NoAnswer, connect, healthy
from heartbeat.temporal.schedules import Schedules
from heartbeat.temporal.workers import pollers
from tests.support.past_runs import a_run
from tests.support.patience import PATIENCE
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project


@pytest.fixture
async def silent() -> AsyncIterator[Settings]:
    """Settings whose Temporal never answers."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield Settings(_env_file=None, temporal_address=f"{host}:{port}")
    server.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nothing_waits_for_ever(silent: Settings, database: Database) -> None:
    def seed(connection):
        heartbeat = a_heartbeat(connection, a_bot(connection, a_project(connection)), pause_since=NOW)
        return heartbeat, run_by_uuid(connection, a_run(connection, heartbeat, "running", workflow_id="w"))

    heartbeat, run = await database.write(seed)
    client: Client = await connect(silent)
    schedules = Schedules(client, database, silent)
    of_heartbeat = client, silent, ScheduledRow(heartbeat, "bot", "self_hosted")
    async with asyncio.timeout(PATIENCE):
        results = await asyncio.gather(
            healthy(client),
            pollers(client, "queue"),
            runs.wake(client, "w", 1),
            runs.how_it_ended(client, run),
            schedules.sync(heartbeat.uuid),
            runs.is_open(client, "w"),
            runs.start_tick(*of_heartbeat, NOW),
            runs.start_probe(*of_heartbeat),
            runs.start_notify(client, silent, "n"),
            schedules.describe(heartbeat.uuid),
            schedules.delete(heartbeat.uuid),
            schedules.is_busy(heartbeat.uuid),
            connect(silent, lazy=False),
            return_exceptions=True,
        )
    assert results[:5] == [False, 0, False, None, False]
    assert {type(result) for result in results[5:]} == {NoAnswer}
