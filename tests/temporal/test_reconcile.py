"""Rows and schedules converge, whoever changed what while nobody looked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError

from heartbeat.domain.ids import new_id
from heartbeat.store.heartbeats.sync import everything
from heartbeat.temporal import reconcile
from heartbeat.temporal.reconcile import Reconciler, ScheduleDifference
from heartbeat.temporal.schedules import Schedules
from tests.support.patience import until
from tests.support.world import World


async def compared(world: World, *, dry_run: bool = False) -> list[tuple[str, str]]:
    """What one look at the world's heartbeat found and did."""
    reconciler = Reconciler(world.client, world.database, world.schedules, dry_run=dry_run)
    differences = await reconciler.compare(await world.database.read(everything))
    assert all(difference.heartbeat_uuid == world.heartbeat.uuid for difference in differences)
    return [(difference.what, difference.reason) for difference in differences]


async def at_rest(world: World) -> None:
    """A heartbeat with its schedule, and nothing to put right."""
    assert await world.schedules.sync(world.heartbeat.uuid)
    assert await compared(world) == []


async def test_a_schedule_that_is_gone_is_created(world: World) -> None:
    await at_rest(world)
    handle = world.client.get_schedule_handle(world.heartbeat.uuid)
    await handle.delete()
    assert await compared(world, dry_run=True) == [("created", "its schedule was gone")]
    with pytest.raises(RPCError):
        await handle.describe()
    assert await compared(world) == [("created", "its schedule was gone")]
    await handle.describe()
    assert await compared(world) == []


async def test_a_schedule_changed_in_temporal_is_put_again(world: World) -> None:
    await at_rest(world)

    def hourly(update: ScheduleUpdateInput) -> ScheduleUpdate:
        update.description.schedule.spec = ScheduleSpec(cron_expressions=["7 * * * *"])
        return ScheduleUpdate(update.description.schedule)

    await world.client.get_schedule_handle(world.heartbeat.uuid).update(hourly)
    assert await compared(world) == [("put", "the schedule was changed in Temporal")]
    assert await compared(world) == []


@pytest.mark.parametrize("arguments", [[], ["by hand"], [{"heartbeat": "by hand"}]])
async def test_a_schedule_whose_input_was_changed_in_temporal_is_put_again(world: World, arguments: list[Any]) -> None:
    await at_rest(world)

    def by_hand(update: ScheduleUpdateInput) -> ScheduleUpdate:
        action = update.description.schedule.action
        assert isinstance(action, ScheduleActionStartWorkflow)
        action.args = arguments
        return ScheduleUpdate(update.description.schedule)

    await world.client.get_schedule_handle(world.heartbeat.uuid).update(by_hand)
    assert await compared(world) == [("put", "the schedule was changed in Temporal")]
    assert await compared(world) == []


async def test_each_year_puts_anew(world: World) -> None:
    """The turns of the clocks are written out for the years ahead."""
    await at_rest(world)
    await world.database.write(
        lambda c: c.exec_driver_sql("UPDATE heartbeat SET spec_hash = '2025' || substr(spec_hash, 5)")
    )
    assert await compared(world) == [("put", "a year began")]
    assert await compared(world) == []


async def test_one_that_is_behind_its_row_is_put(world: World) -> None:
    await at_rest(world)
    await world.database.write(
        lambda c: c.exec_driver_sql("UPDATE heartbeat SET cron_pattern = '5 5 * * *', version = version + 1")
    )
    assert await compared(world) == [("put", "the schedule was behind its row")]
    assert await compared(world) == []


async def test_a_pause_made_in_temporal_is_adopted_and_so_is_its_end(world: World) -> None:
    await at_rest(world)
    handle = world.client.get_schedule_handle(world.heartbeat.uuid)
    await handle.pause(note="maintenance until Friday")
    assert await compared(world) == [("paused", "paused in Temporal: maintenance until Friday")]
    row = await world.row()
    assert (row.enabled, row.pause_reason) == (False, "operator")
    assert row.pause_message == "Paused in Temporal: maintenance until Friday"
    assert await compared(world) == []
    await handle.unpause(note="done")
    assert await compared(world) == [("enabled", "resumed in Temporal")]
    row = await world.row()
    assert (row.enabled, row.pause_reason, row.error_count) == (True, None, 0)
    assert row.accounted_until > datetime.now(UTC) - timedelta(seconds=30)
    assert await compared(world) == []


async def test_a_wish_of_the_owner_is_not_undone_by_an_older_look(world: World) -> None:
    """The row moved on between the look at the schedule and the adoption: the row wins."""
    await at_rest(world)
    stale = await world.database.read(everything)
    await world.client.get_schedule_handle(world.heartbeat.uuid).pause(note="hm")
    await world.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET version = version + 1"))
    await Reconciler(world.client, world.database, world.schedules).compare(stale)
    assert (await world.row()).pause_reason is None


async def test_orphans_are_deleted_once_they_are_old_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    orphan = new_id("hb")
    action = ScheduleActionStartWorkflow("AgentRun", id=orphan, task_queue=world.settings.task_queue)
    await world.client.create_schedule(
        orphan, Schedule(action=action, spec=ScheduleSpec(cron_expressions=["1 1 1 1 *"]))
    )
    reconciler = Reconciler(world.client, world.database, world.schedules)
    await world.schedules.sync(world.heartbeat.uuid)

    async def seen() -> bool:
        return {orphan, world.heartbeat.uuid} <= {listed.id async for listed in await world.client.list_schedules()}

    await until(seen)
    assert orphan not in {difference.heartbeat_uuid for difference in await reconciler.orphans()}
    monkeypatch.setattr(reconcile, "YOUNG", timedelta())
    differences = await reconciler.orphans()
    assert ScheduleDifference(orphan, "deleted", "no heartbeat has this schedule") in differences
    assert world.heartbeat.uuid not in {difference.heartbeat_uuid for difference in differences}
    with pytest.raises(RPCError):
        await world.client.get_schedule_handle(orphan).describe()


async def test_schedules_of_another_installation_are_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    monkeypatch.setattr(reconcile, "YOUNG", timedelta())
    another = world.settings.model_copy(update={"task_queue": "another"})
    await world.database.write(lambda c: c.exec_driver_sql("UPDATE heartbeat SET uuid = 'hb_other'"))
    await Reconciler(world.client, world.database, Schedules(world.client, world.database, another)).orphans()
    await world.client.get_schedule_handle(world.heartbeat.uuid).describe()


async def test_deleting_and_creating_twice_are_successes(world: World) -> None:
    await at_rest(world)
    await world.schedules.delete(world.heartbeat.uuid)
    await world.schedules.delete(world.heartbeat.uuid)
    assert await world.schedules.sync(world.heartbeat.uuid)
    assert await world.schedules.sync(world.heartbeat.uuid)
    assert await compared(world) == []
