"""The schedule follows the row: created, put again, deleted, and never set back."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.schedules import Schedules
from heartbeat.store.syncing import order
from tests.run.conftest import House


async def described(house: House):
    return await house.client.get_schedule_handle(house.heartbeat.uuid).describe()


async def write(house: House, assignments: str) -> None:
    await house.database.write(
        lambda c: c.exec_driver_sql(f"UPDATE heartbeat SET {assignments}, version = version + 1")
    )


async def test_a_new_heartbeat_gets_its_schedule(house: House) -> None:
    assert await house.schedules.follow(house.heartbeat.uuid)
    there = await described(house)
    assert there.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert there.schedule.policy.catchup_window == timedelta(hours=24)
    assert not there.schedule.policy.pause_on_failure
    assert there.schedule.state.note == "Every minute, UTC (* * * * *)"
    assert not there.schedule.state.paused
    action = there.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id) == ("AgentRun", house.heartbeat.uuid)
    soon = there.info.next_action_times[0]
    assert soon.second == 0
    assert timedelta() < soon - datetime.now(UTC) <= timedelta(minutes=1)
    assert (await house.row()).synced_version == 1


async def test_an_edited_row_is_put_whole(house: House) -> None:
    await house.schedules.follow(house.heartbeat.uuid)
    await write(house, "cron_pattern = '0 9 * * 1', timezone = 'America/New_York', enabled = false")
    assert await house.schedules.follow(house.heartbeat.uuid)
    there = await described(house)
    assert there.schedule.spec.time_zone_name == "America/New_York"
    assert there.schedule.state.paused
    assert (there.schedule.state.note or "").startswith("Not enabled. When it is: At 09:00")
    assert (await house.row()).synced_version == 2


async def test_an_interval_keeps_its_anchor(house: House) -> None:
    await write(house, "cron_pattern = NULL, interval_minutes = 45")
    await house.schedules.follow(house.heartbeat.uuid)
    for tick in (await described(house)).info.next_action_times[:5]:
        assert (tick - house.heartbeat.anchor_at) % timedelta(minutes=45) == timedelta()


async def test_a_deleted_row_takes_its_schedule_along_and_twice_is_fine(house: House) -> None:
    await house.schedules.follow(house.heartbeat.uuid)
    await write(house, "deleted_at = created_at")
    assert await house.schedules.follow(house.heartbeat.uuid)
    with pytest.raises(RPCError) as gone:
        await described(house)
    assert gone.value.status == RPCStatusCode.NOT_FOUND
    await write(house, "label = 'again'")
    assert await house.schedules.follow(house.heartbeat.uuid)


async def test_a_put_never_replaces_a_newer_version(house: House) -> None:
    await house.schedules.follow(house.heartbeat.uuid)
    stale = await house.database.read(lambda c: order(c, house.heartbeat.uuid))
    assert stale is not None
    await write(house, "cron_pattern = '30 6 * * *'")
    await house.schedules.follow(house.heartbeat.uuid)
    await house.schedules._put(stale)
    assert "30 6 * * *" in ((await described(house)).schedule.state.note or "")


async def test_a_schedule_lost_in_temporal_is_made_again(house: House) -> None:
    await house.schedules.follow(house.heartbeat.uuid)
    await house.client.get_schedule_handle(house.heartbeat.uuid).delete()
    await write(house, "label = 'again'")
    assert await house.schedules.follow(house.heartbeat.uuid)
    assert (await described(house)).id == house.heartbeat.uuid


async def test_while_temporal_is_away_the_schedule_is_pending(house: House) -> None:
    away = await Client.connect("127.0.0.1:1", lazy=True)
    schedules = Schedules(away, house.database, house.settings)
    assert await schedules.follow(house.heartbeat.uuid) is False
    row = await house.row()
    assert (row.version, row.synced_version) == (1, 0)


async def test_one_that_never_was_needs_nothing(house: House) -> None:
    assert await house.schedules.follow("hb_never")
