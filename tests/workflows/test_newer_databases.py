"""A worker of the version before, beside a database that is migrated meanwhile: it ends, and loses nothing."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection

import worker
from heartbeat.store.credits.audit import audit
from heartbeat.store.migrations import revisions
from heartbeat.store.migrations.revisions import DatabaseTooNew, newest
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, says
from tests.support.newer_databases import migrate_further
from tests.support.patience import until
from tests.support.world import SANDBOX, World


def be_the_newer_version(connection: Connection) -> None:
    connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{newest()}'")


@ON_SQLITE
async def test_a_worker_stops_and_its_run_goes_on(
    world: World, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "LOOK_SECONDS", 0.05)
    hanging = threading.Event()
    model.reply = lambda _: says("All quiet.") if len(model.requests) > 1 else Reply(wait_for=hanging)
    before = asyncio.create_task(worker.serve(world.settings.model_copy(update={"drain_seconds": 0})))
    handle = await world.start("log_under_way")
    await until(lambda: world.asked(model))
    await world.database.write(migrate_further)
    with pytest.raises(DatabaseTooNew):
        await before
    await world.database.write(be_the_newer_version)
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        assert (await handle.result()).status == "success"
    hanging.set()
    assert (await world.run("log_under_way")).credits_held == 0
    assert await world.database.read(audit) == []
