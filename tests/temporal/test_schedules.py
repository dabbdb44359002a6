"""The schedule follows the row: created, put again, deleted, and never set back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.sync import scheduled_row
from heartbeat.store.heartbeats.tick_accounting import start_delay_of
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.schedules import Schedules, memo
from tests.support.patience import until
from tests.support.temporal_runs import backfill
from tests.support.world import World


async def described(world: World):
    return await world.client.get_schedule_handle(world.heartbeat.uuid).describe()


async def write(world: World, assignments: str) -> None:
    await world.database.write(
        lambda c: c.exec_driver_sql(f"UPDATE heartbeat SET {assignments}, version = version + 1")
    )


async def test_a_new_heartbeat_gets_its_schedule(world: World) -> None:
    await world.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET cron_pattern = '* * * * *'"))
    began = datetime.now(UTC)
    assert await world.schedules.sync(world.heartbeat.uuid)
    description = await described(world)
    assert description.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert description.schedule.policy.catchup_window == timedelta(hours=24)
    assert not description.schedule.policy.pause_on_failure
    assert description.schedule.state.note == "Every minute, UTC (* * * * *)"
    assert not description.schedule.state.paused
    action = description.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id) == ("AgentRun", world.heartbeat.uuid)
    soon = description.info.next_action_times[0]
    assert soon.second == 0
    assert began < soon <= datetime.now(UTC) + timedelta(minutes=1)
    assert (await world.row()).synced_version == 1


async def test_a_schedule_that_several_find_missing_is_put_once_and_for_all_of_them(world: World) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    await world.schedules.delete(world.heartbeat.uuid)
    assert all(await asyncio.gather(*(world.schedules.sync(world.heartbeat.uuid) for _ in range(5))))
    assert (await described(world)).schedule.state.note


async def test_an_edited_row_is_put_whole(world: World) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    await write(world, "cron_pattern = '0 9 * * 1', timezone = 'America/New_York', enabled = false")
    assert await world.schedules.sync(world.heartbeat.uuid)
    description = await described(world)
    assert description.schedule.spec.time_zone_name == "America/New_York"
    assert description.schedule.state.paused
    assert (description.schedule.state.note or "").startswith("Not enabled. When it is: At 09:00")
    assert (await world.row()).synced_version == 2


async def test_what_a_run_shows_of_its_cadence_is_true_after_an_edit(world: World) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    await write(world, "cron_pattern = '0 9 * * 1#2', timezone = 'America/New_York'")
    await world.schedules.sync(world.heartbeat.uuid)
    await world.client.get_schedule_handle(world.heartbeat.uuid).trigger()
    description = await until(lambda: described(world), lambda description: bool(description.info.recent_actions))
    started = description.info.recent_actions[0].action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    run = await world.client.get_workflow_handle(started.workflow_id).describe()
    assert await run.memo() == {
        "cadence": "At 09:00, on the second Monday of the month, New York time",
        "cron_pattern": "0 9 * * 1#2",
    }
    # A memo of the schedule itself could not follow.
    assert await description.memo() == {}


async def test_an_interval_keeps_its_anchor(world: World) -> None:
    await write(world, "cron_pattern = NULL, interval_minutes = 45")
    await world.schedules.sync(world.heartbeat.uuid)
    description = await described(world)
    assert memo(await world.row()) == {"cadence": "Every 45 minutes, UTC", "interval_minutes": 45}
    for tick in description.info.next_action_times[:5]:
        assert (tick - world.heartbeat.anchor_at) % timedelta(minutes=45) == timedelta()


async def test_jitter_spreads_starts_and_moves_no_tick(working: World) -> None:
    # Of one heartbeat in fifty the delay is none, by its id.
    for seconds in range(50, 60):
        await write(working, f"jitter_seconds = {seconds}")
        if delay := start_delay_of(await working.row()):
            break
    assert timedelta(0) < delay <= timedelta(seconds=seconds)
    await working.schedules.sync(working.heartbeat.uuid)
    starts = (await described(working)).info.next_action_times
    assert {start - start.replace(second=0, microsecond=0) for start in starts} == {delay}
    await backfill(working, 3)
    await until(working.row, lambda row: row.success_count > 0)
    [run, *_] = await working.database.read(lambda c: list(c.execute(select(columns(Run)))))
    assert run.scheduled_for.second == run.scheduled_for.microsecond == 0
    assert run.workflow_id == f"{working.heartbeat.uuid}-{run.scheduled_for + delay:%Y-%m-%dT%H:%M:%SZ}"


async def test_a_deleted_row_takes_its_schedule_along_and_twice_is_fine(world: World) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    await write(world, "deleted_at = created_at")
    assert await world.schedules.sync(world.heartbeat.uuid)
    with pytest.raises(RPCError) as gone:
        await described(world)
    assert gone.value.status == RPCStatusCode.NOT_FOUND
    await write(world, "label = 'again'")
    assert await world.schedules.sync(world.heartbeat.uuid)


async def test_a_put_never_replaces_a_newer_version(world: World) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    stale = await world.database.read(lambda c: scheduled_row(c, world.heartbeat.uuid))
    assert stale is not None
    await write(world, "cron_pattern = '30 6 * * *'")
    await world.schedules.sync(world.heartbeat.uuid)
    await world.schedules._put(stale)
    assert "30 6 * * *" in ((await described(world)).schedule.state.note or "")


async def test_a_schedule_lost_in_temporal_is_made_again(world: World) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    await world.client.get_schedule_handle(world.heartbeat.uuid).delete()
    await write(world, "label = 'again'")
    assert await world.schedules.sync(world.heartbeat.uuid)
    assert (await described(world)).id == world.heartbeat.uuid


async def test_while_temporal_is_away_the_schedule_is_pending(world: World) -> None:
    away = await Client.connect("127.0.0.1:1", lazy=True)
    schedules = Schedules(away, world.database, world.settings)
    assert await schedules.sync(world.heartbeat.uuid) is False
    row = await world.row()
    assert (row.version, row.synced_version) == (1, 0)


async def test_one_that_never_was_needs_nothing(world: World) -> None:
    assert await world.schedules.sync("hb_never")
