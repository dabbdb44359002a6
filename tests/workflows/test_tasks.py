"""Tasks run on a real Temporal: once, so many times, cancelled; what is left when nothing could run them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

import worker
from heartbeat.domain.cadence.tasks import TaskSchedule
from heartbeat.domain.failure_policy import Ending
from heartbeat.store.credits.audit import audit
from heartbeat.store.credits.stats import stats
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats import heartbeats, missed_ticks, tasks
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.logs import LogFilter, logs
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import start_tick
from heartbeat.temporal.schedules import Schedules
from tests.support.model_server import ModelServer, fails, says
from tests.support.past_minutes import PastMinutes
from tests.support.patience import until
from tests.support.seeds import access_to
from tests.support.temporal_runs import backfill, has_schedule, runs
from tests.support.world import SANDBOX, World

EVERY_HOUR, HOUR = TaskSchedule("interval", {"interval_minutes": 60}), timedelta(hours=1)


async def schedule(
    world: World, task_schedule: TaskSchedule, max_executions: int | None = None, now: datetime | None = None
) -> World:
    """The world, standing for a task of its own that Temporal has a schedule for.

    To the schedules no time passes until it has, so what is due in moments is, however slow the machine.
    """
    order = tasks.NewTask("Quarter end", "Send the figures.", task_schedule, max_executions=max_executions)
    began = datetime.now(UTC)
    task = await world.database.write(lambda c: tasks.create(c, access_to(c, world.bot), None, order, now or began))
    assert await Schedules(world.client, world.database, world.settings, lambda: began).sync(task.uuid)
    return replace(world, heartbeat=task)


async def each_hour(world: World, max_executions: int) -> World:
    """The world, standing for a task of every hour; none of its ticks comes by itself."""
    hours = PastMinutes(every=HOUR)
    return replace(await schedule(world, EVERY_HOUR, max_executions, hours.newest), minutes=hours)


def at(moment: datetime) -> TaskSchedule:
    return TaskSchedule("once", {"at": moment.isoformat()})


async def status(world: World) -> str:
    return tasks.status(await world.row())


async def test_once_at_a_time_on_the_second(working: World, model: ModelServer) -> None:
    model.script(says("Sent."))
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    task = await schedule(working, at(due))
    assert await status(task) == "active"
    row = await until(task.row, lambda row: row.ended_as is not None)
    assert (row.ended_as, row.success_count, row.enabled, row.last_status) == ("done", 1, False, "success")
    [log] = await runs(task)
    assert (log.type, log.trigger, log.status, log.response) == ("scheduled_task", "schedule", "success", "Sent.")
    assert log.scheduled_for == due
    assert due <= log.started_at
    await until(lambda: has_schedule(task), lambda exists: not exists)
    assert (await until(task.row, lambda row: row.synced_version == row.version)).next_tick_at is None
    assert await task.database.read(audit) == []


async def test_in_some_minutes(working: World) -> None:
    """Made a little less than a minute ago, it is due in moments."""
    began = datetime.now(UTC) - timedelta(seconds=57)
    task = await schedule(working, TaskSchedule("once", {"in_minutes": 1}), now=began)
    await until(lambda: status(task), lambda status: status == "done")
    [log] = await runs(task)
    assert log.scheduled_for is not None
    assert timedelta(minutes=1) <= log.scheduled_for - began < timedelta(seconds=61)


async def test_one_that_fails_has_had_its_run(working: World, model: ModelServer) -> None:
    model.script(fails(401, "invalid_api_key"))
    task = await schedule(working, at(datetime.now(UTC) + timedelta(seconds=2)))
    row = await until(task.row, lambda row: row.ended_as is not None)
    assert (row.ended_as, row.total_error_count, row.last_status) == ("done", 1, "error")


async def test_again_and_again_for_so_many_times(working: World) -> None:
    task = await each_hour(working, max_executions=2)
    await backfill(task, 4)
    row = await until(task.row, lambda row: row.ended_as is not None)
    assert (row.ended_as, row.success_count) == ("done", 2)
    await until(lambda: has_schedule(task), lambda exists: not exists)
    assert [log.status for log in await runs(task)] == ["success", "success"]


async def test_a_skipped_tick_is_no_execution(world: World) -> None:
    now = datetime.now(UTC)
    every_minute = TaskSchedule("interval", {"interval_minutes": 1})
    task = await schedule(world, every_minute, max_executions=1, now=now - timedelta(minutes=10))
    missed = await task.database.write(lambda c: missed_ticks.write_off(c, task.heartbeat.uuid, now, now))
    row = await task.row()
    assert missed == row.skipped_count >= 7
    assert (row.ended_as, row.enabled) == (None, True)
    assert {log.type for log in await runs(task)} == {"scheduled_task"}


async def test_once_and_missed_is_over(world: World) -> None:
    now = datetime.now(UTC)
    due = now - timedelta(hours=1)
    task = await schedule(world, at(due), now=due - timedelta(minutes=5))
    assert task.heartbeat.uuid in await world.database.read(lambda c: missed_ticks.silent(c, now, 10))
    assert await task.database.write(lambda c: missed_ticks.write_off(c, task.heartbeat.uuid, now, now)) == 1
    row = await task.row()
    assert (row.ended_as, row.missed_count, row.enabled) == ("done", 1, False)
    [log] = await runs(task)
    assert (log.status, log.skip_reason, log.type) == ("skipped", "missed", "scheduled_task")


async def test_once_and_refused_is_over(working: World) -> None:
    await working.database.write(lambda c: c.exec_driver_sql("UPDATE bot SET status = false"))
    task = await schedule(working, at(datetime.now(UTC) + timedelta(seconds=2)))
    row = await until(task.row, lambda row: row.ended_as is not None)
    assert (row.ended_as, row.skipped_count, row.last_status) == ("done", 1, "skipped")
    await until(lambda: has_schedule(task), lambda exists: not exists)


async def test_a_time_that_passed_while_the_bot_was_off_does_not_come_back(world: World) -> None:
    now = datetime.now(UTC)
    task = await schedule(world, at(now + timedelta(minutes=5)), now=now)
    await world.database.write(lambda c: heartbeats.switch_flag(c, world.bot, False, now))
    assert await status(task) == "paused"
    await world.database.write(lambda c: heartbeats.switch_flag(c, world.bot, True, now + timedelta(hours=1)))
    assert await status(task) == "done"
    assert await runs(task) == []


async def test_a_run_in_progress_outlives_its_cancelled_task(working: World) -> None:
    task = await each_hour(working, max_executions=1)
    tick = await backfill(task, 1)
    await until(lambda: runs(task), bool)
    await task.database.write(lambda c: tasks.cancel(c, access_to(c, task.bot, task.heartbeat), datetime.now(UTC)))
    await until(lambda: runs(task), lambda rows: rows[0].status != "running")
    assert (await runs(task))[0].scheduled_for == tick
    assert await status(task) in ("cancelled", "done")


async def test_cancelled_before_its_time_it_does_not_run(world: World, model: ModelServer) -> None:
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    task = await schedule(world, at(due))
    await task.database.write(lambda c: tasks.cancel(c, access_to(c, task.bot, task.heartbeat), datetime.now(UTC)))
    assert await task.schedules.sync(task.heartbeat.uuid)
    assert not await has_schedule(task)
    assert not await start_tick(task.client, task.settings, ScheduledRow(task.heartbeat, "bot", "self_hosted"), due), (
        "its start was delayed"
    )
    handle = task.client.get_workflow_handle(f"{task.heartbeat.uuid}-{due:%Y-%m-%dT%H:%M:%SZ}")
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        result = await handle.result()
    assert (result["status"], result["why"]) == ("skipped", "the heartbeat was deleted")
    assert (await runs(task), model.requests) == ([], [])


async def test_the_last_run_closed_twice_ends_the_task_once(working: World) -> None:
    task = await each_hour(working, max_executions=1)
    await backfill(task, 1)
    before = await until(task.row, lambda row: row.ended_as == "done" and row.synced_version == row.version)
    [log] = await runs(task)
    now = datetime.now(UTC)
    assert (await task.database.write(lambda c: close_run(c, log.uuid, Ending("success"), now))).status == "success"
    assert await task.row() == before


async def test_logs_and_stats_tell_the_types_apart(working: World) -> None:
    task = await each_hour(working, max_executions=1)
    await backfill(task, 1)
    await until(lambda: status(task), lambda status: status == "done")
    await working.run_once()
    of_bot = LogFilter(working.bot.id)
    rows, total = await working.database.read(lambda c: logs(c, of_bot, Page(1, 20)))
    assert (total, [(row.type, row.heartbeat_uuid) for row in rows]) == (
        2,
        [("heartbeat", working.heartbeat.uuid), ("scheduled_task", task.heartbeat.uuid)],
    )
    totals = await working.database.read(lambda c: stats(c, access_to(c, working.bot), datetime.now(UTC).date(), 2))
    assert {name: (sums.total, sums.success_rate) for name, sums in totals.by_type.items()} == {
        "heartbeat": (1, 100.0),
        "scheduled_task": (1, 100.0),
    }


@pytest.mark.parametrize("left", [0, 1])
async def test_heartbeats_have_no_end(working: World, left: int) -> None:
    """A limit is a task's; a heartbeat that has none goes on, whatever it has counted."""
    table = columns(Heartbeat)
    await working.database.write(lambda c: c.execute(update(table).values(success_count=left)))
    await working.run_once()
    row = await working.row()
    assert (row.enabled, row.ended_as, row.deleted_at, row.success_count) == (True, None, None, left + 1)
