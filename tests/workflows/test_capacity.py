"""Bounds of what is under way at once: runs beyond them wait, and all of them end well."""

import asyncio
import threading

import pytest
from sqlalchemy import select

from heartbeat.domain.ids import new_id
from heartbeat.settings import Plan
from heartbeat.store.rows import columns, many
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.runs import Attempt, Run, Slot
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, says
from tests.support.patience import until
from tests.support.world import SANDBOX, World
from worker import running_worker

OF_RUNS = {"plans": {"self_hosted": Plan(concurrent_runs=2)}}
OF_REQUESTS = {"provider_concurrency": {"openai": 2}}


@ON_SQLITE
@pytest.mark.parametrize("bounds", [OF_RUNS, OF_REQUESTS])
async def test_no_more_than_the_bound_are_under_way(
    world: World, model: ModelServer, bounds: dict[str, object]
) -> None:
    async def rows(table):
        return await world.database.read(lambda c: many(c, table, select(columns(table))))

    answer = threading.Event()
    model.script(*[Reply(wait_for=answer, body=says("All quiet.").body)] * 5)
    settings = world.settings.model_copy(update=bounds)
    async with running_worker(world.client, world.database, settings, SANDBOX):
        handles = [await world.start(new_id("log")) for _ in range(5)]
        slots = await until(lambda: rows(Slot), lambda slots: len(slots) == 5)
        await until(lambda: world.asked(model), lambda asked: asked == 2)
        assert sum(slot.is_held for slot in slots) == 2
        waiting = [run for run in await rows(Run) if run.waiting == "capacity"]
        assert [run.credits_held for run in waiting] == [0, 0, 0]
        answer.set()
        results = await asyncio.gather(*(handle.result() for handle in handles))
    assert [result.status for result in results] == ["success"] * 5
    assert [attempt.attempt for attempt in await rows(Attempt)] == [1] * 5
    assert await rows(Slot) == []
    assert sum(entry.held for entry in await rows(Entry)) == 0
