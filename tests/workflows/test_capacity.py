"""Bounds of what is under way at once: runs beyond them wait, and all of them end well."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select
from temporalio import activity
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities import heartbeating
from activities.handover import handed_over
from activities.slots import SlotKeeper
from heartbeat.domain.bounds import Bounds
from heartbeat.domain.clock import utc_now
from heartbeat.domain.contracts import ActResult, CloseRunResult, ThinkInput, ThinkResult
from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.store.database.rows import columns, many
from heartbeat.store.runs.opening import open_run
from heartbeat.store.runs.slots import SlotClaim, claim_slots
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.runs import Attempt, Run, Slot
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply, fails, says
from tests.support.patience import PATIENCE, until
from tests.support.runs import LIMITS, by_hand
from tests.support.scripted_run import OPENED, ScriptedRun
from tests.support.seeds import NOW
from tests.support.upkeep import upkeep
from tests.support.world import SANDBOX, World
from worker import running_worker

OF_RUNS = {"plans": {"self_hosted": Plan(concurrent_runs=2)}}
OF_REQUESTS = {"provider_concurrency": {"openai": 2}}
LONG = timedelta(hours=1)


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


@ON_SQLITE
async def test_a_step_that_is_tried_again_keeps_its_slot(world: World, model: ModelServer) -> None:
    model.reply = lambda _: fails(500)
    settings = world.settings.model_copy(update={"provider_concurrency": {"openai": 1}, "step_attempts": 2})
    async with running_worker(world.client, world.database, settings, SANDBOX):
        handles = [await world.start(new_id("log")) for _ in range(2)]
        results = await asyncio.gather(*(handle.result() for handle in handles))
    assert [result.status for result in results] == ["error"] * 2
    attempts = await world.database.read(lambda c: many(c, Attempt, select(columns(Attempt)).order_by("id")))
    [first, second] = dict.fromkeys(attempt.run_id for attempt in attempts)
    assert [(attempt.run_id, attempt.attempt) for attempt in attempts] == [
        (run_id, number) for run_id in (first, second) for number in (1, 2)
    ]


@ON_SQLITE
async def test_upkeep_wakes_who_waits_for_what_is_bounded_no_more(world: World) -> None:
    def wait(connection: Connection) -> list[bool]:
        claims = [by_hand(world.heartbeat, log) for log in map(new_id, ["log"] * 25)]
        runs = [open_run(connection, claim, LIMITS, NOW).run for claim in claims]
        slots = [SlotClaim(run.uuid, 1, 0, LONG, LONG) for run in runs if run]
        return [claim_slots(connection, slot, Bounds(requests={"openai": 1}), datetime.now(UTC))[0] for slot in slots]

    assert await world.database.write(wait) == [True, *[False] * 24]
    assert await ActivityEnvironment().run(upkeep(world).tell_decisions) == 24


class Thinking(ActivityInboundInterceptor):
    """A step that comes to this."""

    def __init__(self, thought: ThinkResult) -> None:
        """There is nothing behind it."""
        self._thought = thought

    async def execute_activity(self, input: ExecuteActivityInput) -> ThinkResult:  # noqa: A002
        return self._thought


@ON_SQLITE
@pytest.mark.parametrize(("thought", "held"), [(ThinkResult(), 0), (handed_over(0, 1), 1)])
async def test_a_step_heartbeats_while_it_takes_and_gives_slots_and_keeps_them_for_another_worker(
    world: World, monkeypatch: pytest.MonkeyPatch, thought: ThinkResult, held: int
) -> None:
    monkeypatch.setattr(heartbeating, "INTERVAL_SECONDS", 0.001)
    run = await world.database.write(lambda c: open_run(c, by_hand(world.heartbeat), LIMITS, NOW).run)
    assert run is not None
    environment, beat = ActivityEnvironment(), asyncio.Event()
    environment.on_heartbeat = lambda *_: beat.set()

    async def wake(waiting: object, seconds: float) -> int:
        beat.clear()
        await asyncio.wait_for(beat.wait(), PATIENCE)
        return 0

    settings = world.settings.model_copy(update={"provider_concurrency": {"openai": 1}})
    keeping = SlotKeeper(wake, world.database, settings, utc_now).intercept_activity(Thinking(thought))
    step = ExecuteActivityInput(fn=open_run, args=[ThinkInput(run.uuid, 1)], executor=None, headers={})
    assert await environment.run(keeping.execute_activity, step) == thought
    assert len(await world.database.read(lambda c: many(c, Slot, select(columns(Slot))))) == held


class Queued(ScriptedRun):
    """Its first step comes to these results, one after another; `asked` is which model and what time each had."""

    def __init__(self, *results: ThinkResult) -> None:
        super().__init__(no_call, opened=replace(OPENED, run_seconds=3600, fallback_models=("other",)))
        self._results = iter(results)
        self.asked: list[tuple[int, bool]] = []

    @activity.defn
    async def think(self, step: ThinkInput) -> ThinkResult:
        left = activity.info().schedule_to_close_timeout
        self.asked.append((step.model_index, left == LONG))
        return next(self._results)


async def no_call(number: int) -> ActResult:
    return ActResult()


async def test_who_waits_for_a_slot_keeps_its_model_and_the_time_of_its_attempts(temporal: Client) -> None:
    wait, done = ThinkResult(wait_seconds=0.01), ThinkResult(close_result=CloseRunResult("success"))
    run = Queued(wait, ThinkResult(next_model=1, attempts=1), replace(wait, attempts=1), done)
    async with run.started(temporal) as handle:
        await handle.result()
    assert run.asked == [(0, True), (0, True), (1, False), (1, False)]
