"""Rows and schedules converge, whoever changed what while nobody looked."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
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
from temporalio.testing import ActivityEnvironment

from heartbeat.domain.ids import new_id
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.sync import everything, restoration
from heartbeat.store.overview.counts import counts
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal import reconcile
from heartbeat.temporal.reconcile import Reconciler, ScheduleDifference
from heartbeat.temporal.schedules import Schedules
from tests.support.patience import until
from tests.support.upkeep import upkeep
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


async def test_a_schedule_with_a_beginning_and_an_end_fires_between_them(world: World) -> None:
    begins = (datetime.now(UTC) + timedelta(days=400)).replace(hour=8, minute=0, second=0, microsecond=0)
    bounds = {"starts_at": begins, "ends_at": begins + timedelta(hours=2)}
    each_hour = {"cron_pattern": "0 8-12 * * *", "interval_minutes": None, "timezone": "UTC", **bounds}
    await world.database.write(lambda c: c.execute(columns(Heartbeat).update().values(each_hour)))
    await at_rest(world)
    description = await world.schedules.describe(world.heartbeat.uuid)
    assert description.info.next_action_times == [begins + timedelta(hours=hours) for hours in range(3)]


async def test_a_schedule_changed_in_temporal_is_put_again(world: World) -> None:
    await at_rest(world)

    def hourly(update: ScheduleUpdateInput) -> ScheduleUpdate:
        update.description.schedule.spec = ScheduleSpec(cron_expressions=["7 * * * *"])
        return ScheduleUpdate(update.description.schedule)

    await world.client.get_schedule_handle(world.heartbeat.uuid).update(hourly)
    assert await compared(world) == [("put", "the schedule was not as its row says")]
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
    assert await compared(world) == [("put", "the schedule was not as its row says")]
    assert await compared(world) == []


async def test_each_year_puts_anew(world: World) -> None:
    """The turns of the clocks are written out for the years ahead."""
    await write(world, "timezone = 'Europe/Berlin', cron_pattern = '30 2 * * *'")
    now = datetime.now(UTC)
    assert await Schedules(world.client, world.database, world.settings, lambda: now).sync(world.heartbeat.uuid)
    for clock, differences in ((now, []), (now.replace(year=now.year + 1, day=1), ["put"]), (now, ["put"])):
        schedules = Schedules(world.client, world.database, world.settings, lambda clock=clock: clock)
        reconciler = Reconciler(world.client, world.database, schedules)
        found = await reconciler.compare(await world.database.read(everything))
        assert [difference.what for difference in found] == differences


async def write(world: World, assignments: str) -> None:
    statement = f"UPDATE heartbeat SET {assignments}"
    await world.database.write(lambda connection: connection.exec_driver_sql(statement))


async def put_back(world: World) -> None:
    """Put a backup of the database back that is four changes old, of which the last one switched the heartbeat off."""
    await at_rest(world)
    await write(world, "version = 5, cron_pattern = '0 4 * * *', enabled = false")
    await world.schedules.sync(world.heartbeat.uuid)
    await write(world, "version = 1, synced_version = 1, cron_pattern = '0 3 * * *', enabled = true")


async def test_a_row_that_went_back_is_put(world: World) -> None:
    await put_back(world)
    went_back = [("put", "the database went back from version 5 to 1")]
    assert await compared(world, dry_run=True) == went_back
    assert await compared(world) == went_back
    row = await world.row()
    assert (row.version, row.synced_version, row.enabled, row.pause_reason) == (6, 6, True, None)
    there = (await world.schedules.describe(world.heartbeat.uuid)).schedule
    assert ("(0 3 * * *)" in there.state.note, there.state.paused) == (True, False)
    past = await world.database.read(restoration, datetime.now(UTC) - timedelta(days=1))
    assert (past.at, past.heartbeats) == (row.restored_at, 1)
    assert await compared(world) == []


async def test_an_edit_of_a_row_that_went_back_reaches_its_schedule(world: World) -> None:
    await put_back(world)
    await write(world, "version = version + 1, cron_pattern = '0 9 * * *'")
    assert await world.schedules.sync(world.heartbeat.uuid)
    assert "(0 9 * * *)" in (await world.schedules.describe(world.heartbeat.uuid)).schedule.state.note
    assert await compared(world) == []


async def test_a_row_that_only_moved_on_did_not_go_back(world: World) -> None:
    await at_rest(world)
    stale = await world.database.read(everything)
    await write(world, "version = version + 1, cron_pattern = '5 5 * * *'")
    await world.schedules.sync(world.heartbeat.uuid)
    assert await Reconciler(world.client, world.database, world.schedules).compare(stale) == []
    assert (await world.row()).restored_at is None


async def test_a_schedule_of_before_is_put_whatever_it_was_paused_for(world: World) -> None:
    """Temporal went back: what its schedule says of a pause was true of an older row."""
    await at_rest(world)
    await write(world, "version = 2, enabled = false")
    await world.schedules.sync(world.heartbeat.uuid)
    await write(world, "version = 7, synced_version = 7, enabled = true")
    assert await compared(world) == [("put", "the schedule was not as its row says")]
    assert (await world.row()).enabled


ZONE = "Asia/Qyzylorda"


@pytest.fixture
def old_zones(tmp_path: Path) -> Iterator[None]:
    """Time zone data in which a zone has another offset than in that of Temporal's server."""
    (tmp_path / "Asia").mkdir()
    with resources.files("tzdata.zoneinfo").joinpath("Asia/Tokyo").open("rb") as tokyo:
        (tmp_path / ZONE).write_bytes(tokyo.read())
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath((str(tmp_path), *before))
    zoneinfo.ZoneInfo.clear_cache(only_keys=[ZONE])
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache(only_keys=[ZONE])


async def test_a_zone_that_temporal_sees_otherwise_is_told(world: World, old_zones: None) -> None:
    await write(world, f"timezone = '{ZONE}', cron_pattern = '30 4 * * *', jitter_seconds = 30")
    await at_rest_but_for(world, ["differs"])
    assert await ActivityEnvironment().run(upkeep(world).reconcile) == 0
    assert (await world.row()).zone_differs
    assert (await world.database.read(counts)).tally.zones_differ == 1
    await write(world, "timezone = 'UTC', version = version + 1")
    await ActivityEnvironment().run(upkeep(world).reconcile)
    await ActivityEnvironment().run(upkeep(world).reconcile)
    assert not (await world.row()).zone_differs


async def at_rest_but_for(world: World, what: list[str]) -> None:
    await world.schedules.sync(world.heartbeat.uuid)
    assert [difference for difference, _ in await compared(world)] == what


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
    resumed_at = datetime.now(UTC)
    await handle.unpause(note="done")
    assert await compared(world) == [("enabled", "resumed in Temporal")]
    row = await world.row()
    assert (row.enabled, row.pause_reason, row.error_count) == (True, None, 0)
    assert row.accounted_until >= resumed_at
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
    looking = Reconciler(world.client, world.database, world.schedules, dry_run=True)
    assert orphan in {difference.heartbeat_uuid for difference in await looking.orphans()}
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
