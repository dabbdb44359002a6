"""A run that waited for a slot, thought by a worker that has no bounds."""

from collections.abc import AsyncIterator

import pytest

from heartbeat.domain.contracts import ThinkInput
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.runs.runs import run_by_uuid
from tests.support.activity_runs import ActivityRuns
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, says
from tests.support.world import World


@pytest.fixture
async def unbounded(database: Database, settings: Settings) -> AsyncIterator[ActivityRuns]:
    runs = ActivityRuns(database, settings)
    yield runs
    await runs.close()


@ON_SQLITE
async def test_it_pays_for_its_first_step(world: World, unbounded: ActivityRuns, model: ModelServer) -> None:
    settings = world.settings.model_copy(update={"provider_concurrency": {"openai": 1}})
    bounded = ActivityRuns(world.database, settings)
    opened = await bounded.open(world.heartbeat)
    await bounded.close()
    assert (await world.run(opened)).credits_held == 0
    model.script(says("All quiet."))
    await unbounded.think(ThinkInput(opened, 1), attempt=1)
    run = await world.database.read(run_by_uuid, opened)
    assert (run.status, run.credits_charged, run.credits_held, run.waiting) == ("success", 1, 0, None)
    assert await world.database.read(audit) == []
