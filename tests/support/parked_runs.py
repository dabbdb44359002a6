"""Runs whose cap has room for one step and no more: the second one waits for credits."""

from typing import Any

from sqlalchemy import Row, func, select, update

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from tests.support.approvals import waiting
from tests.support.model_server import ModelServer, asks, says
from tests.support.world import World

RUN = "log_parks"
REPORT = ("report", {"outcome": "nothing_to_report"})


async def set_limit(world: World, **limits: int | None) -> None:
    await world.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(**limits)))


async def capped(world: World, model: ModelServer) -> int:
    """Cap the runs of the heartbeat at what a first step may cost, which a run before has shown."""
    model.script(says("All quiet."))
    await world.run_once()
    dearest = select(func.max(columns(Entry).c.held))
    cap: int = await world.database.read(lambda c: c.execute(dearest).scalar_one())
    await set_limit(world, max_credits_per_run=cap)
    # The first answer uses all of it up.
    model.script(asks(REPORT, input_tokens=1000 * cap), says("That is that."))
    return cap


async def parked(world: World) -> Row[Any]:
    """Start a run, and return what it waits for once it does."""
    await world.start(RUN)
    return await waiting(world)
