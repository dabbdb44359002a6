"""Workers are replaced one after the other under load: nothing is lost, made twice or delayed."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from sqlalchemy import Connection, select
from temporalio.api.enums.v1 import TimeoutType
from temporalio.client import WorkflowHandle

from heartbeat.domain.contracts import RunResult
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Attempt
from heartbeat.temporal.workers import pollers
from tests.support.acting import change
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, says
from tests.support.patience import until
from tests.support.seeds import a_heartbeat
from tests.support.worker_process import Worker
from tests.support.world import World

Handle = WorkflowHandle[object, RunResult]


@dataclass
class Load:
    """Heartbeats of which each has a run after the other, and the workers that make them."""

    world: World
    model: ModelServer
    heartbeats: int
    drain_seconds: float
    workers: list[Worker] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def replace_each(self, workers: int, rounds: int) -> list[Handle]:
        """Replace each of the workers so many times; returns all runs that there were."""
        await change(self.world, Heartbeat, enabled=False)
        self.workers = [self._worker() for _ in range(workers)]
        load = asyncio.gather(*(self._keep_running(number) for number in range(self.heartbeats)))
        await self._go_on()
        for _ in range(rounds * workers):
            self.workers.append(self._worker())
            await until(lambda: pollers(self.world.client, self.world.settings.task_queue), lambda n: n > workers)
            with closing(self.workers.pop(0)) as replaced:
                assert await asyncio.to_thread(replaced.stop) == 0
            await self._go_on()
        self.stop.set()
        return [run for runs in await load for run in runs]

    def close(self) -> None:
        for one in self.workers:
            one.close()

    def _worker(self) -> Worker:
        return Worker(self.world.settings, self.model, HEARTBEAT_DRAIN_SECONDS=str(self.drain_seconds))

    async def _keep_running(self, number: int) -> list[Handle]:
        # Run by hand alone: a tick of its own would be one run more.
        fields = {"prompt": f"Watch {number}", "enabled": False}
        heartbeat = await self.world.database.write(lambda c: a_heartbeat(c, self.world.bot, **fields))
        world, runs = replace(self.world, heartbeat=heartbeat), list[Handle]()
        while not self.stop.is_set():
            runs.append(await world.start())
            await runs[-1].result()
        return runs

    async def _go_on(self) -> None:
        count = len(self.model.requests) + 2 * self.heartbeats
        await until(lambda: len(self.model.requests) >= count)


@ON_SQLITE
async def test_a_rolling_restart_loses_and_repeats_nothing(world: World, model: ModelServer) -> None:
    model.reply = thinking(lambda: 0.1)
    with closing(Load(world, model, heartbeats=3, drain_seconds=20)) as load:
        runs = await load.replace_each(workers=1, rounds=1)
    await all_succeeded_once(world, runs)
    assert len(model.requests) == len(runs)
    assert Counter(await world.database.read(attempts))["answered"] == len(runs)


@pytest.mark.outage
async def test_steps_that_outlast_the_drain_are_handed_over(world: World, model: ModelServer) -> None:
    """Three workers, each replaced three times; every third answer takes longer than it has to drain."""
    turns = count()
    model.reply = thinking(lambda: 4.0 if next(turns) % 3 == 0 else 0.2)
    with closing(Load(world, model, heartbeats=20, drain_seconds=1)) as load:
        runs = await load.replace_each(workers=3, rounds=3)
    await all_succeeded_once(world, runs)
    outcomes = Counter(await world.database.read(attempts))
    assert outcomes["answered"] == len(runs)
    # One that was handed over before it was sent is among the lost ones, too: nobody can know.
    assert outcomes["lost"] >= len(model.requests) - len(runs) > 0
    assert sum([await waits_for_the_gone(run) for run in runs]) == 0


def thinking(seconds: Callable[[], float]) -> Callable[[object], Reply]:
    def reply(_: object) -> Reply:
        time.sleep(seconds())
        return says("All quiet.")

    return reply


async def all_succeeded_once(world: World, runs: Sequence[Handle]) -> None:
    assert Counter([(await run.result()).status for run in runs]) == {"success": len(runs)}
    assert await world.database.read(charges) == len(runs)


def attempts(connection: Connection) -> Sequence[str]:
    return connection.scalars(select(columns(Attempt).c.outcome)).all()


def charges(connection: Connection) -> int:
    table = columns(Entry)
    return len(connection.scalars(select(table.c.id).where(table.c.credits > 0)).all())


async def waits_for_the_gone(run: Handle) -> int:
    """How many of its workflow tasks waited for a worker that was gone.

    A worker loses a task now and then that is on its way to it when it stops, and Temporal's server hands that out
    again when it times out: the SDK does not always wait for the answers to its last requests. That is not counted.
    """
    timed_out = [event.workflow_task_timed_out_event_attributes async for event in run.fetch_history_events()]
    return sum(one.timeout_type == TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START for one in timed_out)
