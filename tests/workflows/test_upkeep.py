"""What Upkeep puts right: pending schedules, budget pauses of an earlier period, runs whose workflow is gone."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from temporalio.client import ScheduleActionStartWorkflow, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.testing import ActivityEnvironment

import activities.upkeep
from activities.upkeep import UpkeepActivities
from heartbeat.domain.contracts import AGENT_RUN, UPKEEP, UPKEEP_SCHEDULE_ID, RunResult
from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.project_holds import NewHold, hold_project
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.opening import open_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.reconcile import Reconciler
from heartbeat.temporal.runs import tick_id
from heartbeat.temporal.schedules import Schedules
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, Reply
from tests.support.patience import until
from tests.support.runs import LIMITS
from tests.support.seeds import access_to
from tests.support.upkeep import upkeep
from tests.support.world import World

HEARTBEAT, RUN = columns(Heartbeat), columns(Run)


async def test_the_worker_makes_the_schedule_of_upkeep_and_again_is_fine(world: World) -> None:
    for _ in range(2):
        await world.schedules.ensure_upkeep()
    description = await world.client.get_schedule_handle(UPKEEP_SCHEDULE_ID).describe()
    assert description.schedule.spec.intervals[0].every == timedelta(minutes=1)
    assert description.schedule.policy.catchup_window == timedelta(minutes=1)
    assert isinstance(description.schedule.action, ScheduleActionStartWorkflow)
    assert description.schedule.action.execution_timeout == timedelta(minutes=10)
    await world.client.get_schedule_handle(UPKEEP_SCHEDULE_ID).delete()


async def test_pending_schedules_are_put(working: World) -> None:
    done = await working.client.execute_workflow(
        UPKEEP, id=new_id("upkeep"), task_queue=working.settings.task_queue, result_type=dict
    )
    assert done == {
        "close_lost_runs": 0,
        "lift_budget_pauses": 0,
        "lift_reconnect_pauses": 0,
        "follow_pending": 1,
        "reconcile": 0,
        "refresh_connections": 0,
        "account_for_silence": 0,
        "check_ledger": 0,
        "start_probes": 0,
        "start_deliveries": 0,
        "prune": 0,
        "cancel_held_runs": 0,
        "tell_decisions": 0,
    }
    row = await working.row()
    assert row.synced_version == row.version
    await working.client.get_schedule_handle(row.uuid).describe()


async def test_a_run_that_a_hold_could_not_reach_is_cancelled(working: World, model: ModelServer) -> None:
    """As after `heartbeat hold --cancel`, which writes to the database alone."""
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    handle = await working.start("log_held")
    await until(lambda: working.asked(model), bool)
    project = (await working.database.read(access_to, working.bot)).project
    await working.database.write(hold_project, project, NewHold("Moving.", running="cancel"), "me", datetime.now(UTC))
    assert await ActivityEnvironment().run(upkeep(working).cancel_held_runs) == 1
    assert (await handle.result()).status == "cancelled"
    hanging.set()
    log = await working.run("log_held")
    assert (log.error_code, log.credits_held) == ("cancelled", 0)
    assert log.error_message == "The project was put on hold by me. The reason: Moving."
    assert await ActivityEnvironment().run(upkeep(working).cancel_held_runs) == 0


# It is tried ten times, a second apart, whatever the store.
@ON_SQLITE
async def test_a_chore_that_fails_keeps_no_other_from_its_minute(
    working: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owing(working, 10)

    async def fails(*_: object) -> None:
        raise ValueError("a row that cannot be compared")

    monkeypatch.setattr(Reconciler, "compare", fails)
    with pytest.raises(WorkflowFailureError) as failed:
        await working.client.execute_workflow(UPKEEP, id=new_id("upkeep"), task_queue=working.settings.task_queue)
    assert "cannot be compared" in str(failed.value.__cause__.__cause__)  # type: ignore[union-attr]
    row = await until(working.row, lambda row: row.success_count == 1)
    assert row.missed_count in (9, 10)


async def test_a_budget_pause_is_lifted_when_the_period_has_ended(world: World) -> None:
    await world.database.write(
        lambda c: c.exec_driver_sql(
            "UPDATE heartbeat SET enabled = false, pause_reason = 'budget', pause_since = '2026-11-21 10:00:00+00:00'"
        )
    )
    same_period = UpkeepActivities(
        world.client, world.database, world.settings, world.schedules, lambda: datetime(2026, 11, 30, 23, tzinfo=UTC)
    )
    assert await same_period.lift_budget_pauses() == 0
    next_period = UpkeepActivities(
        world.client, world.database, world.settings, world.schedules, lambda: datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert await next_period.lift_budget_pauses() == 1
    row = await world.row()
    assert (row.enabled, row.pause_reason, row.pause_message, row.version) == (True, None, None, 2)


async def test_a_pause_for_errors_is_not_lifted(world: World) -> None:
    await world.database.write(
        lambda c: c.exec_driver_sql("UPDATE heartbeat SET enabled = false, pause_reason = 'errors'")
    )
    assert await upkeep(world, timedelta(days=60)).lift_budget_pauses() == 0


async def closed(world: World, ahead: timedelta = timedelta()) -> int:
    """How many lost runs one look closes."""
    done: int = await ActivityEnvironment().run(upkeep(world, ahead).close_lost_runs)
    return done


async def test_a_run_terminated_in_temporal_is_closed_as_an_error(working: World, model: ModelServer) -> None:
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    handle = await working.start("log_lost")
    await until(lambda: working.asked(model), bool)
    assert await closed(working, timedelta(minutes=2)) == 0
    await handle.terminate()
    assert await closed(working) == 0
    assert await closed(working, timedelta(minutes=2)) == 1
    hanging.set()
    log = await working.run("log_lost")
    assert (log.status, log.error_code) == ("error", "workflow_terminated")
    assert log.error_message == "The run's workflow was terminated in Temporal."
    assert (await working.row()).total_error_count == 1


async def test_runs_timed_out_in_temporal_are_closed_however_many_are_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.upkeep, "BATCH_SIZE", 2)
    limits = [timedelta(seconds=60), timedelta(seconds=60), timedelta(seconds=60), timedelta(seconds=1)]
    runs = [await opened_with_limit(world, limit) for limit in limits]
    ended = await until(runs[-1].describe, lambda description: description.status == WorkflowExecutionStatus.TIMED_OUT)
    assert await closed(world, timedelta(minutes=2)) == 1
    [log] = await world.database.read(lambda c: list(c.execute(select(RUN).where(RUN.c.status != "running"))))
    assert (log.workflow_id, log.status, log.error_code) == (ended.id, "error", "workflow_timed_out")
    assert log.error_message == "The run's workflow was timed out in Temporal."


async def test_of_very_many_open_runs_some_are_looked_at_each_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities.upkeep, "BATCH_SIZE", 2)
    monkeypatch.setattr(activities.upkeep, "OPEN_RUNS_A_MINUTE", 2)
    for _ in range(5):
        await (await opened_with_limit(world, timedelta(minutes=5))).terminate()
    chores = upkeep(world, timedelta(minutes=2))
    assert [await ActivityEnvironment().run(chores.close_lost_runs) for _ in range(4)] == [2, 2, 1, 0]


async def test_the_list_of_all_schedules_is_read_more_seldom_the_longer_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = datetime(2026, 11, 30, tzinfo=UTC)

    async def minutes() -> list[int]:
        times = {minute: midnight + timedelta(minutes=minute) for minute in range(21)}
        of_minute = {
            minute: UpkeepActivities(world.client, world.database, world.settings, world.schedules, lambda at=at: at)
            for minute, at in times.items()
        }
        return [minute for minute, chores in of_minute.items() if await chores._is_time_for_orphans()]

    assert await minutes() == [0, 5, 10, 15, 20]
    monkeypatch.setattr(activities.upkeep, "LISTED_A_MINUTE", 0.1)
    assert await minutes() == [0, 10, 20]


async def opened_with_limit(world: World, limit: timedelta) -> WorkflowHandle[Any, Any]:
    """A manual run that is open while no worker ends it, and that Temporal gives up after `limit`."""
    log = new_id("log")
    started = await world.client.start_workflow(
        AGENT_RUN, id=log, task_queue=world.settings.task_queue, execution_timeout=limit
    )
    claim = TickClaim(world.heartbeat.uuid, "manual", log, log, started.first_execution_run_id or "", None)
    await world.database.write(lambda c: open_run(c, claim, LIMITS, datetime.now(UTC)))
    return started


async def owing(world: World, minutes: int) -> None:
    """The schedule is there, but for some minutes it started nothing: as if Temporal had been away."""
    await world.schedules.sync(world.heartbeat.uuid)
    await world.client.get_schedule_handle(world.heartbeat.uuid).pause()
    since = _ago(minutes)
    owed = {"cron_pattern": "* * * * *", "accounted_until": since, "next_tick_at": since + timedelta(minutes=1)}
    await world.database.write(lambda c: c.execute(update(HEARTBEAT).values(owed)))


async def test_a_lost_tick_is_run_late_and_the_ones_before_it_are_logged(working: World) -> None:
    await owing(working, 10)
    assert await ActivityEnvironment().run(upkeep(working).account_for_silence) == 0
    row = await until(working.row, lambda row: row.success_count == 1)
    assert row.missed_count in (9, 10)
    assert row.next_tick_at is not None
    assert row.next_tick_at > datetime.now(UTC) - timedelta(minutes=1)
    assert await ActivityEnvironment().run(upkeep(working).account_for_silence) == 0


async def test_a_heartbeat_that_wants_no_catching_up_gets_its_logs_alone(working: World) -> None:
    await owing(working, 10)
    await working.database.write(lambda c: c.execute(update(HEARTBEAT).values(catch_up="none")))
    assert await ActivityEnvironment().run(upkeep(working).account_for_silence) in (8, 9)
    row = await working.row()
    assert (row.success_count, row.missed_count) == (0, row.skipped_count)


async def test_a_tick_that_is_merely_queued_is_left_alone(world: World) -> None:
    """No worker polls: the schedule has started a workflow, and nobody has opened it yet."""
    await owing(world, 10)
    handle = world.client.get_schedule_handle(world.heartbeat.uuid)
    await handle.unpause()
    await handle.trigger()

    async def queued() -> bool:
        return await world.schedules.is_busy(world.heartbeat.uuid)

    await until(queued, bool)
    assert await ActivityEnvironment().run(upkeep(world).account_for_silence) == 0
    assert (await world.row()).skipped_count == 0


async def test_a_late_tick_that_is_merely_queued_is_left_alone(world: World) -> None:
    """No worker polls: Upkeep has started the workflow itself a minute ago, and nobody has opened it yet."""
    await owing(world, 10)
    late = _ago(minutes=5)
    daily = update(HEARTBEAT).values(cron_pattern=f"{late.minute} {late.hour} * * *")
    await world.database.write(lambda c: c.execute(daily))
    for _ in range(2):
        assert await ActivityEnvironment().run(upkeep(world).account_for_silence) == 0
    assert (await world.row()).skipped_count == 0
    await world.client.get_workflow_handle(tick_id(world.heartbeat, late)).terminate()
    assert await ActivityEnvironment().run(upkeep(world).account_for_silence) == 1


def _ago(minutes: int) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes)


async def test_a_tick_due_in_moments_is_made_to_happen(working: World) -> None:
    """Schedules lose ticks that are due within seconds of their making; a delayed workflow of the same id does not."""
    began = datetime.now(UTC)
    soon = began + timedelta(seconds=2)
    await working.database.write(lambda c: c.execute(update(HEARTBEAT).values(next_tick_at=soon)))
    schedules = Schedules(working.client, working.database, working.settings, lambda: began)
    await schedules.sync(working.heartbeat.uuid)
    took = datetime.now(UTC) - began
    workflow_id = f"{working.heartbeat.uuid}-{soon:%Y-%m-%dT%H:%M:%SZ}"
    started = await working.client.get_workflow_handle(workflow_id).describe()
    assert started.execution_time is not None
    assert timedelta(seconds=-1) < started.execution_time - soon < took + timedelta(seconds=1)
    # Its cadence has no such tick: the run finds that out and leaves nothing.
    result = await working.client.get_workflow_handle(workflow_id, result_type=RunResult).result()
    assert (result.status, result.reason) == ("skipped", "the cadence has no such tick")


async def test_books_that_do_not_balance_are_said_in_the_log(
    working: World, model: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    log = await working.run_once()
    assert await ActivityEnvironment().run(upkeep(working).check_ledger) == 0
    await working.database.write(lambda c: c.execute(update(RUN).values(credits_charged=9)))
    assert await ActivityEnvironment().run(upkeep(working).check_ledger) == 1
    assert f"{log.uuid} has credits_charged 9, its entries 1" in caplog.text
