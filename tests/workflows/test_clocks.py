"""Workers whose clocks are wrong, and the ticks of a heartbeat of every minute."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

import worker
from heartbeat.domain.clock import utc_now
from heartbeat.store.database.rows import columns, many
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_tick, tick_id
from tests.support.model_server import ModelServer, says
from tests.support.world import SANDBOX, World

HEARTBEAT, RUN = columns(Heartbeat), columns(Run)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(seconds=90), timedelta(hours=-1)], ids=str)
async def test_no_tick_to_come_is_accounted_for(world: World, model: ModelServer, ahead: timedelta) -> None:
    model.script(says("On time."))
    tick = utc_now().replace(second=0, microsecond=0)
    before = {"cron_pattern": "* * * * *", "accounted_until": tick - timedelta(seconds=1), "next_tick_at": tick}
    await world.database.write(lambda connection: connection.execute(update(HEARTBEAT).values(before)))
    async with worker.running_worker(
        world.client, world.database, world.settings, SANDBOX, own_clock=lambda: utc_now() + ahead
    ):
        assert await start_tick(world.client, world.settings, world.scheduled_row, tick)
        await world.client.get_workflow_handle(tick_id(world.heartbeat, tick)).result()
    runs = await world.database.read(lambda connection: many(connection, Run, select(RUN).order_by(RUN.c.id)))
    assert [run.status for run in runs if run.status != "skipped"] == ["success"]
    row = await world.row()
    for moment in (row.accounted_until, row.last_executed_at, *(run.scheduled_for for run in runs)):
        assert tick <= moment <= utc_now()
