"""A think that is cancelled between the provider's answer and the store: the answer is paid for, so it is charged."""

import asyncio
import threading

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.think import ModelActivities
from activities.toolbox import Toolbox
from heartbeat.domain.contracts import ThinkInput, ThinkResult
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.tool_servers.refreshing import Refresher
from tests.support.activity_runs import ActivityRuns
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import PATIENCE, until
from tests.support.runs import by_hand, opened_run
from tests.support.seeds import NOW
from tests.support.world import World


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        (ActivityCancellationDetails(cancel_requested=True), asyncio.CancelledError),
        # Temporal tries it again, which finds the answer, or notes that it was lost.
        (ActivityCancellationDetails(worker_shutdown=True), ApplicationError),
    ],
    ids=["by a person", "by its worker's stop"],
)
async def test_it_is_kept_though_every_writer_was_busy(
    world: World,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    why: ActivityCancellationDetails,
    outcome: type[BaseException],
) -> None:
    database, settings = world.database, world.settings
    opened = opened_run(database, by_hand(world.heartbeat))
    model.script(says("All quiet."))
    beside = Database(database.url)
    monkeypatch.setattr(database, "read_inline", beside.read_inline)
    agent, activity, free = (
        ModelActivities(database, settings, Toolbox(settings, Refresher(database, settings))),
        ActivityEnvironment(),
        threading.Event(),
    )
    threads = database._threads
    busy = [asyncio.ensure_future(database.write(lambda _: free.wait(PATIENCE))) for _ in range(threads._max_workers)]
    try:
        thinking = asyncio.ensure_future(activity.run(agent.think, ThinkInput(opened.uuid, 1)))
        await until(lambda: len(model.requests) == 1 and threads._work_queue.qsize() == 1)
        activity.cancel(why)
        await asyncio.sleep(0)
    finally:
        free.set()
    with pytest.raises(outcome):
        await thinking
    await asyncio.gather(*busy)
    await agent.close()
    beside.close()
    run = database.read_now(lambda c: run_by_uuid(c, opened.uuid))
    assert (run.status, run.response, run.credits_charged, run.credits_held) == ("success", "All quiet.", 1, 0)
    assert database.read_now(audit) == []


@ON_SQLITE
async def test_an_answer_that_is_there_is_not_asked_for_again(world: World, model: ModelServer) -> None:
    runs = ActivityRuns(world.database, world.settings)
    model.script(asks(("report", {"outcome": "ok", "summary": "All quiet.", "findings": []})))
    uuid = await runs.open(world.heartbeat)
    thought = await runs.think(ThinkInput(uuid, 1), 1)
    assert thought.calls
    assert await runs.think(ThinkInput(uuid, 1, earlier_attempts=1), 1) == thought
    await world.database.write(close_run, uuid, Ending("cancelled"), NOW)
    assert await runs.think(ThinkInput(uuid, 2), 1) == ThinkResult()
    assert len(model.requests) == 1
    await runs.close()
