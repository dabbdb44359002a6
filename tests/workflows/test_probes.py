"""A heartbeat that paused for a passing cause is tried again by itself, against real Temporal and a real provider."""

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from temporalio.testing import ActivityEnvironment

import worker
from activities.upkeep import UpkeepActivities
from heartbeat.domain.contracts import RunResult
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats.heartbeats import disable, enable
from heartbeat.store.heartbeats.probes import probe_id
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Event
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.runs import start_tick
from tests.support.acting import connect
from tests.support.audit_entries import deeds
from tests.support.deliveries import settled, target
from tests.support.model_server import ModelServer, Reply, asks, fails, says
from tests.support.patience import until
from tests.support.receiver import Receiver
from tests.support.seeds import access_to
from tests.support.tool_server import ToolServer
from tests.support.world import SANDBOX, World

HEARTBEAT, RUN, EVENT, BOT = columns(Heartbeat), columns(Run), columns(Event), columns(Bot)
# No clock fires while a test looks.
YEARLY, NEW_YEAR = "0 0 1 1 *", datetime(2026, 1, 1, tzinfo=UTC)
DOWN = fails(503, message="down for now")


async def paused(world: World, model: ModelServer, *why: Reply, **fields: object) -> Heartbeat:
    """The heartbeat after a tick that failed; its schedule exists and stands still."""
    model.script(*(why or (DOWN,)))
    await world.database.write(lambda c: c.execute(update(HEARTBEAT).values(max_consecutive_errors=1, **fields)))
    await world.schedules.sync(world.heartbeat.uuid)
    assert await start_tick(world.client, world.settings, world.scheduled_row, NEW_YEAR)
    return await until(world.row, lambda row: row.pause_reason == "errors" and row.synced_version == row.version)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"step_attempts": 1})


@pytest.fixture
async def world(world: World) -> World:
    await world.database.write(lambda c: c.execute(update(HEARTBEAT).values(cron_pattern=YEARLY)))
    return world


async def try_again(world: World, ahead: timedelta) -> int:
    """How many probes one Upkeep starts whose clock is `ahead` of the real one."""
    upkeep = UpkeepActivities(
        world.client, world.database, world.settings, world.schedules, lambda: datetime.now(UTC) + ahead
    )
    started: int = await ActivityEnvironment().run(upkeep.start_probes)
    return started


async def probes(world: World) -> list[Run]:
    return await world.database.read(
        lambda c: many(c, Run, select(RUN).where(RUN.c.trigger == "probe").order_by(RUN.c.id))
    )


async def told(world: World) -> list[Event]:
    return await world.database.read(lambda c: many(c, Event, select(EVENT).order_by(EVENT.c.id)))


async def ended(world: World, number: int) -> Run:
    """The probe with this number, counted from 1, once it has ended and its schedule has followed."""

    def over(rows: list[Run]) -> bool:
        return len(rows) >= number and rows[number - 1].status != "running"

    rows = await until(lambda: probes(world), over)
    await until(world.row, lambda row: row.synced_version == row.version)
    return rows[number - 1]


async def stands_still(world: World) -> bool:
    description = await world.client.get_schedule_handle(world.heartbeat.uuid).describe()
    return description.schedule.state.paused


def minutes_from_now(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - datetime.now(UTC)) / timedelta(minutes=1)


async def test_a_success_resumes_the_heartbeat_and_says_so(working: World, model: ModelServer) -> None:
    row = await paused(working, model)
    assert 4 < minutes_from_now(row.probe_at) <= 5
    assert f"It is tried again at {row.probe_at:%Y-%m-%d %H:%M} (UTC)" in (row.pause_message or "")
    assert await try_again(working, timedelta(minutes=4)) == 0
    assert await stands_still(working)

    model.script(says("All quiet."))
    assert await try_again(working, timedelta(minutes=6)) == 1
    log = await ended(working, 1)
    assert (log.status, log.trigger, log.scheduled_for, log.dry_run) == ("success", "probe", None, False)
    assert log.credits_charged == 1
    row = await working.row()
    assert (row.enabled, row.error_count, row.probes, row.probe_at) == (True, 0, 0, None)
    assert (row.pause_reason, row.pause_since, row.pause_message) == (None, None, None)
    assert (row.success_count, row.total_error_count) == (1, 1)
    assert not await stands_still(working)
    events = await told(working)
    assert [event.kind for event in events] == ["heartbeat.paused", "heartbeat.resumed"]
    assert (events[1].run_id, events[1].data["probes"]) == (log.id, 1)
    by_itself = [deed for deed in await deeds(working.database, working.project.id) if deed[1].startswith("heartbeat.")]
    assert by_itself[-2:] == [("product", "heartbeat.pause"), ("product", "heartbeat.resume")]
    assert await working.database.read(audit) == []
    assert await try_again(working, timedelta(days=1)) == 0


async def test_a_tool_server_that_is_down_is_waited_for(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    """Its agent says that it failed; both the pause and the resumption are told at once, without Upkeep."""
    await target(working, receiver)
    with contextlib.closing(ToolServer()) as desk:
        await connect(working, desk)
        model.script(asks(("report", {"outcome": "failed", "summary": "No."})), says("No."))
        assert (await working.run_once()).error_code == "reported_failure"
    failed = asks(("report", {"outcome": "failed", "summary": "The desk is down."}))
    row = await paused(working, model, asks(("desk__book", {"what": "a table"})), failed, says("It is down."))
    assert 4 < minutes_from_now(row.probe_at) <= 5
    [log] = await working.database.read(lambda c: many(c, Run, select(RUN).where(RUN.c.trigger == "schedule")))
    assert (log.error_code, log.error_message) == ("tool_server_down", "The desk is down.")

    with contextlib.closing(ToolServer(port=desk.port)) as back:
        model.script(asks(("desk__book", {"what": "a table"})), says("Booked."))
        assert await try_again(working, timedelta(minutes=6)) == 1
        assert (await ended(working, 1)).status == "success"
        assert back.times("book") == 1
    assert (await working.row()).enabled
    await settled(working, 2)
    assert [one.json["type"] for one in receiver.received] == ["heartbeat.paused", "heartbeat.resumed"]


async def test_failures_wait_longer_each_time(working: World, model: ModelServer) -> None:
    row = await paused(working, model)
    since = row.pause_since
    for number, wait in enumerate((30, 120, 720, 720), 1):
        assert await try_again(working, timedelta(minutes=minutes_from_now(row.probe_at) + 1)) == 1
        assert (await ended(working, number)).error_code == "unavailable"
        row = await working.row()
        assert (row.enabled, row.pause_reason, row.pause_since, row.probes) == (False, "errors", since, number)
        assert wait - 1 < minutes_from_now(row.probe_at) <= wait
        # The streak is that of the schedule; a probe is one more log, and no further tick that failed.
        assert (row.error_count, row.total_error_count) == (1, number + 1)
    assert [event.kind for event in await told(working)] == ["heartbeat.paused"]
    assert (row.pause_message or "").startswith("Tried again 4 times in vain; the last error: openai:scripted:")
    assert await stands_still(working)


async def test_what_only_a_person_can_mend_ends_it(working: World, model: ModelServer) -> None:
    await paused(working, model)
    model.script(fails(401))
    assert await try_again(working, timedelta(minutes=6)) == 1
    assert (await ended(working, 1)).error_code == "key_rejected"
    row = await working.row()
    assert (row.pause_reason, row.probe_at) == ("errors", None)
    assert (row.pause_message or "").endswith("Mend it, then enable again.")
    assert await try_again(working, timedelta(days=9)) == 0
    # Who was told that it is tried again is told that it is not any more.
    assert [event.kind for event in await told(working)] == ["heartbeat.paused", "heartbeat.paused"]


@pytest.mark.parametrize(("why", "fields"), [(fails(401), {}), (DOWN, {"auto_resume": False})])
async def test_not_every_pause_is_tried_again(
    working: World, model: ModelServer, why: Reply, fields: dict[str, object]
) -> None:
    row = await paused(working, model, why, **fields)
    assert row.probe_at is None
    assert (row.pause_message or "").endswith("Mend it, then enable again.")
    assert await try_again(working, timedelta(days=9)) == 0


async def test_one_probe_however_often_upkeep_comes_by(working: World, model: ModelServer) -> None:
    await paused(working, model)
    hanging = threading.Event()
    requests = len(model.requests)
    model.script(Reply(wait_for=hanging, body=says("All quiet.").body))
    assert [await try_again(working, timedelta(minutes=6)) for _ in range(3)] == [1, 0, 0]
    await until(lambda: working.asked(model), lambda count: count > requests)
    assert await try_again(working, timedelta(minutes=9)) == 0
    hanging.set()
    assert (await ended(working, 1)).status == "success"
    assert len(await probes(working)) == 1
    assert len(model.requests) == requests + 1


async def test_a_queued_probe_is_not_started_again(world: World, model: ModelServer) -> None:
    """No worker polls: the row knows nothing of the probe yet, only Temporal does."""
    await waiting(world)
    assert [await try_again(world, timedelta()) for _ in range(3)] == [1, 0, 0]


async def waiting(world: World, **fields: object) -> None:
    """As after a pause for a passing cause whose cool-down is over."""
    now = datetime.now(UTC)
    values = {"enabled": False, "pause_reason": "errors", "pause_since": now, "pause_detail": "Failed.", **fields}
    await world.database.write(lambda c: c.execute(update(HEARTBEAT).values(probe_at=now, **values)))


async def by_hand(world: World, what: Callable[..., Heartbeat]) -> None:
    await world.database.write(lambda c: what(c, access_to(c, world.bot, world.heartbeat), datetime.now(UTC)))
    await world.schedules.sync(world.heartbeat.uuid)


@pytest.mark.parametrize("what", [enable, disable])
async def test_a_person_is_faster(working: World, model: ModelServer, what: Callable[..., Heartbeat]) -> None:
    """Switched on or off while the probe thinks: their word stands, whatever the probe comes to."""
    await waiting(working)
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging, body=says("All quiet.").body))
    assert await try_again(working, timedelta()) == 1
    await until(lambda: working.asked(model), bool)
    await by_hand(working, what)
    row = await working.row()
    assert (row.probe_at, row.probes, row.pause_reason) == (None, 0, None)
    hanging.set()
    assert (await ended(working, 1)).status == "success"
    assert (await working.row()).enabled == (what is enable)


async def test_a_probe_that_comes_too_late_leaves_nothing(world: World, model: ModelServer) -> None:
    await waiting(world)
    assert await try_again(world, timedelta()) == 1
    workflow = world.client.get_workflow_handle(probe_id(await world.row()), result_type=RunResult)
    await by_hand(world, enable)
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        since = (await world.row()).version
        result = await workflow.result()
    assert result.reason == "the heartbeat waits for no such probe any more"
    assert await probes(world) == []
    assert (await world.row()).version == since


async def test_a_probe_that_may_not_run_waits_for_the_next(working: World, model: ModelServer) -> None:
    await waiting(working, credit_budget=0)
    assert await try_again(working, timedelta()) == 1
    log = await ended(working, 1)
    assert (log.status, log.skip_reason) == ("skipped", "budget")
    row = await working.row()
    assert (row.pause_reason, row.probes, row.skipped_count) == ("errors", 1, 1)
    assert 29 < minutes_from_now(row.probe_at) <= 30


async def test_a_cancelled_probe_is_no_verdict(working: World, model: ModelServer) -> None:
    await waiting(working)
    hanging = threading.Event()
    model.script(Reply(wait_for=hanging))
    assert await try_again(working, timedelta()) == 1
    [run] = await until(lambda: probes(working), bool)
    await until(lambda: working.asked(model), bool)
    await working.client.get_workflow_handle(run.workflow_id).cancel()
    assert (await ended(working, 1)).status == "cancelled"
    hanging.set()
    row = await working.row()
    assert (row.enabled, row.probes) == (False, 1)
    assert 29 < minutes_from_now(row.probe_at) <= 30


async def test_a_bot_that_is_switched_off_is_left_alone(world: World) -> None:
    await waiting(world)
    await world.database.write(lambda c: c.execute(update(BOT).values(heartbeat=False)))
    assert await try_again(world, timedelta()) == 0
    await world.database.write(lambda c: c.execute(update(BOT).values(heartbeat=True)))
    assert await try_again(world, timedelta()) == 1
