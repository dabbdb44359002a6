"""From the run to the receiver over real Temporal: each message once, whoever dies in between."""

import contextlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, update
from temporalio.testing import ActivityEnvironment

import worker
from activities.upkeep import UpkeepActivities
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.ids import new_id
from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.notifications.events import record_missed_ticks
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.closing import close_run
from heartbeat.store.runs.opening import open_run
from heartbeat.store.tables.notifications import Notification
from tests.support.databases import ON_SQLITE
from tests.support.deliveries import notifications, settled, target
from tests.support.model_server import ModelServer, asks, fails
from tests.support.model_server import says as answers
from tests.support.patience import until
from tests.support.receiver import Receiver, says
from tests.support.runs import LIMITS
from tests.support.seeds import access_to
from tests.support.temporal_runs import backfill
from tests.support.worker_process import Worker
from tests.support.world import SANDBOX, World

FINDING = {"title": "Disk is full", "severity": "critical", "fingerprint": "disk"}


def failed_tick(database: Database, heartbeat: str, tick: datetime, now: datetime) -> tuple[str, ...]:
    """A run that failed and whose worker died right after the transaction that says so."""
    claim = TickClaim(heartbeat, "schedule", None, new_id("flow"), "run-1", tick)

    def work(connection: Connection) -> tuple[str, ...]:
        run = open_run(connection, claim, LIMITS, now).run
        assert run is not None
        return close_run(connection, run.uuid, Ending("error", "key_rejected", "No key."), now).notification_uuids

    return database.write_now(work)


async def test_failed_runs_end_as_one_message_each_target(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(working, receiver, events=["run.failed", "heartbeat.paused"])
    await target(working, receiver, events=["heartbeat.paused"])
    model.script(fails(401, "invalid_api_key"))
    assert await working.schedules.sync(working.heartbeat.uuid)
    await backfill(working, 2)
    rows = await settled(working, 3)
    assert sorted(request.json["type"] for request in receiver.received) == [
        "heartbeat.paused",
        "heartbeat.paused",
        "run.failed",
    ]
    assert {request.headers["webhook-id"] for request in receiver.received} == {row.uuid for row in rows}


async def test_an_agents_words_are_told_while_it_still_runs_and_its_findings_once(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(working, receiver)
    words = {"title": "Call the plumber", "message": "Water in the cellar.", "priority": "urgent"}
    report = {"outcome": "ok", "summary": "Looked.", "findings": [FINDING]}
    for _ in range(2):
        model.script(
            asks(("notify_user", {**words, "action_url": "https://desk.example/7"})),
            asks(("report", report)),
            answers("Done."),
        )
        assert (await working.run_once()).status == "success"
    await settled(working, 3)
    messages = [(request.json["type"], request.json["data"]["title"]) for request in receiver.received]
    notice = ("user.notified", "Call the plumber")
    assert sorted(messages) == [("run.finding", "Support desk: Disk is full"), notice, notice]
    links = {request.json["data"]["link"] for request in receiver.received}
    assert links == {None, "https://desk.example/7"}


async def test_a_member_is_told_in_place_of_the_owner(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    def of_a_member(connection: Connection) -> int:
        access = access_to(connection, working.bot)
        member = create_subscriber(connection, access, "ada@example.com", None, datetime.now(UTC))
        connection.exec_driver_sql(f"UPDATE heartbeat SET member_id = {member.id}")
        return member.id

    member = await working.database.write(of_a_member)
    owner = await target(working, receiver)
    theirs = await target(working, receiver, bot_id=working.bot.id, member_id=member)
    report = {"outcome": "ok", "summary": "Looked.", "findings": [FINDING]}
    words = {"title": "Your order is here", "message": "Come and get it."}
    model.script(asks(("notify_user", words)), asks(("report", report)), answers("Done."))
    await working.run_once()
    notice, finding = await settled(working, 2)
    assert (notice.target_id, finding.target_id) == (theirs.id, owner.id)


async def test_an_agent_cannot_flood_a_person(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(working, receiver)
    call = ("notify_user", {"title": "Hello", "message": "Still here."})
    model.script(*[asks(call) for _ in range(7)], answers("Done."))
    await working.run_once()
    rows = await settled(working, 5)
    assert len(rows) == 5
    last = model.requests[-1]["messages"]
    assert sum("may call notify_user 5 times" in str(message["content"]) for message in last) == 2


async def test_what_nobody_started_upkeep_starts_once(world: World, receiver: Receiver) -> None:
    await target(world, receiver)
    now = datetime.now(UTC) + timedelta(minutes=1)
    [uuid] = failed_tick(world.database, world.heartbeat.uuid, world.minutes.newest, now)
    upkeep = UpkeepActivities(
        world.client, world.database, world.settings, world.schedules, lambda: now + timedelta(minutes=2)
    )
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 1
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 0
    # Its clock was set ahead; the worker's is not.
    due_now = update(columns(Notification)).values(next_attempt_at=datetime.now(UTC))
    await world.database.write(lambda c: c.execute(due_now))
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        await world.client.get_workflow_handle(uuid).result()
    assert [request.headers["webhook-id"] for request in receiver.received] == [uuid]


async def test_what_piled_up_while_everything_was_down_is_one_message(world: World, receiver: Receiver) -> None:
    await target(world, receiver)
    now = datetime.now(UTC)

    def outage(connection: Connection) -> None:
        for minute in range(7):
            record_missed_ticks(connection, world.heartbeat, [now - timedelta(hours=9, minutes=minute)], now)

    await world.database.write(outage)
    upkeep = UpkeepActivities(
        world.client, world.database, world.settings, world.schedules, lambda: now + timedelta(minutes=2)
    )
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 7
    async with worker.running_worker(world.client, world.database, world.settings, SANDBOX):
        rows = await settled(world, 7)
    [request] = receiver.received
    assert (request.json["type"], request.json["data"]["details"]["total"]) == ("summary", 7)
    assert len([row for row in rows if row.summary_id is None]) == 1


@ON_SQLITE
async def test_a_worker_killed_in_the_middle_of_sending_repeats_the_same_id(
    world: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(world, receiver, events=["run.failed"])
    model.script(fails(401, "invalid_api_key"))
    receiver.answer = None
    with contextlib.closing(Worker(world.settings, model)) as killed:
        assert await world.schedules.sync(world.heartbeat.uuid)
        await backfill(world, 1)
        await until(lambda: received(receiver), lambda count: count == 1)
        receiver.answer = says("204 No Content")
        killed.replace()
        [row] = await settled(world, 1)
    assert [request.headers["webhook-id"] for request in receiver.received] == [row.uuid] * 2
    assert (row.attempts, row.lost_attempts) == (2, 1)


@ON_SQLITE
async def test_workers_killed_in_the_middle_of_a_chat_message_show_it_twice_at_the_most(
    world: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(world, receiver, channel="slack", config={"url": receiver.url}, events=["run.failed"])
    model.script(fails(401, "invalid_api_key"))
    receiver.answer = None
    with contextlib.closing(Worker(world.settings, model)) as killed:
        assert await world.schedules.sync(world.heartbeat.uuid)
        await backfill(world, 1)
        for attempt in (1, 2):
            await until(lambda: received(receiver), lambda count, attempt=attempt: count == attempt)
            killed.replace()
        [row] = await until(lambda: notifications(world), lambda rows: rows[0].status == "failed")
    assert (row.lost_attempts, len(receiver.received)) == (2, 2)
    assert (row.last_error or "").startswith("Of 2 attempts nobody knows")


async def received(receiver: Receiver) -> int:
    return len(receiver.received)
