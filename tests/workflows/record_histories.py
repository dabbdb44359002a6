"""Records `histories/` from runs on a real Temporal: `pytest tests/workflows/record_histories.py`.

What the product's own activities cannot be brought to do at will is in `record_scripted_histories.py`.
"""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import select, update
from temporalio.testing import ActivityEnvironment

import worker
from heartbeat.agents.rate_limits import rate_limit_scope
from heartbeat.domain.cadence.tasks import TaskSchedule
from heartbeat.domain.contracts import AGENT_RUN, UPKEEP, RunRequest
from heartbeat.domain.gates import Gate
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats.gate_columns import gate_columns
from heartbeat.store.heartbeats.probes import probe_id
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.heartbeats.tasks import NewTask, create
from heartbeat.store.notifications.events import record_missed_ticks
from heartbeat.store.runs.rate_limits import note_refusal
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Slot
from heartbeat.temporal.runs import manual_workflow_id, start_gated_run, start_manual_run, start_notify, tick_id
from tests.support.acting import book, connect
from tests.support.approvals import decided, waiting
from tests.support.databases import ON_SQLITE
from tests.support.deliveries import notifications, settled, target
from tests.support.histories import record
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.parked_runs import RUN, capped, parked
from tests.support.past_minutes import PastMinutes
from tests.support.patience import until
from tests.support.peer import Peer
from tests.support.peer import says as page
from tests.support.receiver import Receiver
from tests.support.receiver import says as answers
from tests.support.seeds import access_to
from tests.support.temporal_runs import backfill, runs
from tests.support.tool_server import ToolServer
from tests.support.upkeep import upkeep
from tests.support.world import SANDBOX, World


async def record_run(world: World, name: str, **fields: object) -> None:
    """One run by hand, from its beginning to its end; `fields` are the heartbeat's."""
    if fields:
        await world.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(**fields)))
    await record(world.client, name, (await world.run_once()).workflow_id)


@ON_SQLITE
async def test_answers(working: World, model: ModelServer) -> None:
    model.script(says("All quiet."))
    await record_run(working, "success")
    model.script(asks(("report", {"outcome": "nothing_to_report"}), ("web_fetch", {"url": "nowhere"})), says("Done."))
    await record_run(working, "acting")
    model.script(fails(500), says("Back again."))
    await record_run(working, "retried")
    model.script(fails(401))
    await record_run(working, "failed")
    model.script(asks(("report", {"outcome": "nothing_to_report"})))
    await record_run(working, "limit_of_steps", max_steps=1)
    await record_run(working, "skipped", max_steps=5, credit_budget=1)
    model.reply = lambda request: fails(404, "model_not_found") if request["model"] == "scripted" else says("Done.")
    await record_run(working, "fell_back", credit_budget=None, fallback_models=["openai:other"])
    model.script(
        says("All quiet."), asks(("report", {"outcome": "nothing_to_report", "summary": "Quiet."})), says("Done.")
    )
    await record_run(working, "reminded", credit_budget=None, expect={"report": "required"})


@ON_SQLITE
async def test_cancelled(world: World, model: ModelServer) -> None:
    handle = await world.start("log_early")
    await handle.cancel()
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        await record(world.client, "cancelled_before_its_first_step", handle.id)
        hanging = threading.Event()
        model.script(Reply(wait_for=hanging))
        handle = await world.start("log_cancelled")
        await until(lambda: world.asked(model))
        await handle.cancel()
        await record(world.client, "cancelled", handle.id)


@ON_SQLITE
async def test_ticks(working: World, model: ModelServer) -> None:
    model.script(fails(401))
    await working.schedules.sync(working.heartbeat.uuid)
    end = await backfill(working, 3)
    await until(working.row, lambda row: row.synced_version == 2)
    await record(working.client, "paused", tick_id(working.heartbeat, end - timedelta(minutes=1)))
    await working.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET deleted_at = created_at"))
    handle = await working.start()
    await record(working.client, "phantom", handle.id)


@ON_SQLITE
async def test_probe(working: World, model: ModelServer) -> None:
    model.script(fails(503))
    row = columns(Heartbeat)
    await working.database.write(lambda c: c.execute(update(row).values(max_consecutive_errors=1)))
    await working.schedules.sync(working.heartbeat.uuid)
    await backfill(working, 1)
    paused = await until(working.row, lambda row: row.probe_at is not None and row.synced_version == row.version)
    model.script(says("Back again."))
    assert await ActivityEnvironment().run(upkeep(working, timedelta(minutes=6)).start_probes) == 1
    resumed = await until(working.row, lambda row: row.enabled and row.synced_version == row.version)
    assert resumed.probe_at is None
    await record(working.client, "probe", probe_id(paused))


@ON_SQLITE
async def test_task(working: World, model: ModelServer) -> None:
    model.script(says("Sent."))
    hours = PastMinutes(every=timedelta(hours=1))
    once = TaskSchedule("interval", {"interval_minutes": 60})
    order = NewTask("Quarter end", "Send the figures.", once, max_executions=1)
    task = await working.database.write(lambda c: create(c, access_to(c, working.bot), None, order, hours.newest))
    of_task = replace(working, heartbeat=task, minutes=hours)
    assert await working.schedules.sync(task.uuid)
    await backfill(of_task, 1)
    await until(of_task.row, lambda row: row.ended_as == "done")
    [run] = await runs(of_task)
    await record(working.client, "scheduled_task", run.workflow_id)


@ON_SQLITE
async def test_tools(working: World, model: ModelServer, desk: ToolServer) -> None:
    await connect(working, desk, require_approval="tool-specific", approval_tools=["book"])
    castle, note = book("a castle"), ("desk__read_note", {"what": "A note"})
    model.script(asks(castle, note), says("That is that."))
    client, settings, name = working.client, working.settings, working.bot.name
    handle = await start_manual_run(
        client, settings, ScheduledRow(working.heartbeat, name, "self_hosted"), "log_rehearsed", dry_run=True
    )
    await record(working.client, "rehearsal", handle.id)
    model.script(asks(castle, note), says("That is that."))
    handle = await working.start("log_asks")
    await waiting(working)
    await decided(working, "approved")
    await record(working.client, "approval", handle.id)


@ON_SQLITE
async def test_parks(working: World, model: ModelServer) -> None:
    await capped(working, model)
    await parked(working)
    await decided(working, "approved")
    await record(working.client, "parked", manual_workflow_id(working.heartbeat, RUN))


@ON_SQLITE
async def test_deliveries(working: World, model: ModelServer, receiver: Receiver) -> None:
    await target(working, receiver)
    words = {"title": "Call the plumber", "message": "Water in the cellar.", "priority": "urgent"}
    model.script(asks(("notify_user", words)), says("Told."))
    await record_run(working, "child_start")
    [notification] = await settled(working, 1)
    await record(working.client, "delivered", notification.uuid)


@ON_SQLITE
async def test_a_provider_that_limits_the_rate(working: World, model: ModelServer) -> None:
    scope = rate_limit_scope("openai:scripted", working.settings)
    await working.database.write(note_refusal, scope, 1.5, datetime.now(UTC))
    model.script(says("All quiet."))
    await record_run(working, "rate_limited")


@ON_SQLITE
async def test_a_slot_that_another_run_has(world: World, model: ModelServer) -> None:
    answer = threading.Event()
    model.script(Reply(wait_for=answer, body=says("All quiet.").body), says("All quiet."))
    settings = world.settings.model_copy(update={"provider_concurrency": {"openai": 1}})
    async with worker.running_worker(world.client, world.database, settings, SANDBOX):
        first = await world.start("log_first")
        await until(lambda: world.asked(model), bool)
        second = await world.start("log_second")
        slots = select(columns(Slot))
        await until(lambda: world.database.read(lambda c: many(c, Slot, slots)), lambda known: len(known) == 2)
        answer.set()
        await first.result()
        await record(world.client, "waited_for_capacity", second.id)


@ON_SQLITE
async def test_gates(working: World, model: ModelServer, receiver: Receiver) -> None:
    await target(working, receiver)
    model.script(says("One is open."))
    async with Peer({"*": page(status="503 Service Unavailable")}) as source:
        gate = gate_columns(Gate.model_validate({"url": source.url(), "on_error": "skip"}), None)
        await working.database.write(lambda c: c.execute(update(columns(Heartbeat)).values(**gate)))
        gated = await working.row()
        row = replace(working.scheduled_row, heartbeat=gated)
        start = partial(start_gated_run, working.client, working.settings, row)
        await record(working.client, "gate_failed", (await start("log_failed")).id)
        source.answers = {"*": page()}
        await record(working.client, "gate_with_news", (await start("log_news")).id)
        # As a schedule of before the gate starts it.
        request = RunRequest(gated.uuid, 0, tick=working.minutes.newest.isoformat())
        queue = working.settings.task_queue
        handle = await working.client.start_workflow(AGENT_RUN, request, id=f"{gated.uuid}-tick", task_queue=queue)
        await record(working.client, "gate_of_an_older_schedule", handle.id)


class LeapingClock:
    """More than a day later each time it is asked: longer than any pause between two attempts."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(hours=25)
        return self._now


@ON_SQLITE
async def test_delivery_over_days(world: World, receiver: Receiver) -> None:
    await target(world, receiver)
    receiver.answer = answers("503 Service Unavailable")
    now = datetime.now(UTC)
    await world.database.write(lambda c: record_missed_ticks(c, world.heartbeat, [now - timedelta(hours=9)], now))
    [uuid] = [row.uuid for row in await notifications(world)]
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX, LeapingClock()):
        assert await start_notify(world.client, world.settings, uuid)
        assert await world.client.get_workflow_handle(uuid).result() == "failed"
    await record(world.client, "delivery_over_days", uuid)


@ON_SQLITE
async def test_limits(world: World, model: ModelServer) -> None:
    hanging = threading.Event()
    model.reply = lambda _: Reply(wait_for=hanging)
    await record_limited(world, "step_timeout", step_timeout_seconds=1, step_attempts=2)
    await record_limited(world, "run_timeout", run_timeout_seconds=2, step_attempts=100)
    hanging.set()
    model.reply = lambda _: fails(500, message="try later")
    await record_limited(world, "run_timeout_between_attempts", run_timeout_seconds=4, step_attempts=100)
    model.reply = lambda _: asks(("report", {"outcome": "nothing_to_report"}))
    await record_limited(world, "transcript_too_long", transcript_bytes=1)


async def record_limited(world: World, name: str, **limits: int) -> None:
    """A run that comes to these limits of the settings."""
    async with worker.running_worker(world.client, world.database, world.settings.model_copy(update=limits), SANDBOX):
        await record_run(world, name)


@ON_SQLITE
async def test_upkeep(working: World) -> None:
    uuid = new_id("upkeep")
    await working.client.execute_workflow(UPKEEP, id=uuid, task_queue=working.settings.task_queue)
    await record(working.client, "upkeep", uuid)
