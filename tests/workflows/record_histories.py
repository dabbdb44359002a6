"""Records `histories/` from real runs: `pytest tests/workflows/record_histories.py`, when they must change."""

import sys
import threading
from datetime import timedelta

import pytest

from heartbeat.domain.contracts import UPKEEP
from heartbeat.domain.ids import new_id
from tests.support.histories import HISTORIES
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.patience import until
from tests.support.temporal_runs import backfill
from tests.support.world import World


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_record(working: World, model: ModelServer) -> None:
    model.script(says("All quiet."))
    await record(working, "success", (await working.run_once()).workflow_id)
    model.script(asks(("report", {"outcome": "nothing_to_report"}), ("web_fetch", {"url": "nowhere"})), says("Done."))
    await record(working, "acting", (await working.run_once()).workflow_id)
    model.script(fails(500), says("Back again."))
    await record(working, "retried", (await working.run_once()).workflow_id)
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    asked = len(model.requests)
    handle = await working.start("log_cancelled")
    await until(lambda: working.asked(model), lambda count: count > asked)
    await handle.cancel()
    await handle.result()
    hanging.set()
    await record(working, "cancelled", handle.id)
    model.script(fails(401))
    await working.schedules.sync(working.heartbeat.uuid)
    end = await backfill(working, 3)
    await until(working.row, lambda row: row.synced_version == 2)
    await record(working, "paused", f"{working.heartbeat.uuid}-{end - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}")
    await working.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET deleted_at = created_at"))
    await record(working, "phantom", (await working.start()).id)
    upkeep = new_id("upkeep")
    await working.client.execute_workflow(UPKEEP, id=upkeep, task_queue=working.settings.task_queue)
    await record(working, "upkeep", upkeep)


async def record(world: World, name: str, workflow_id: str) -> None:
    handle = world.client.get_workflow_handle(workflow_id)
    await handle.result()
    text = (await handle.fetch_history()).to_json()
    (HISTORIES / f"{name}.json").write_text(
        text.replace(sys.prefix, ".venv").replace(f"{HISTORIES.parent.parent}/", "")
    )
