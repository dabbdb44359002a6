"""From the run to the receiver over real Temporal: each message once, whoever dies in between."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

import worker
from activities.upkeep import UpkeepActivities
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.bots.subscribers import create_subscriber
from heartbeat.store.database import Database
from heartbeat.store.notifications.events import record_missed
from heartbeat.store.notifications.targets import create_target
from heartbeat.store.rows import columns, many
from heartbeat.store.runs.closing import Ending, close_run
from heartbeat.store.runs.opening import TickClaim, open_run
from heartbeat.store.tables.notifications import Notification, Target
from tests.e2e.test_crashes import Worker
from tests.support.desk import SECRET
from tests.support.model_server import ModelServer, asks, fails
from tests.support.model_server import says as answers
from tests.support.receiver import Receiver, says
from tests.support.runs import HOUSE
from tests.support.temporal_runs import backfill, until
from tests.support.world import SANDBOX, World

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WITHIN = 60
FINDING = {"title": "Disk is full", "severity": "critical", "fingerprint": "disk"}


@pytest.fixture
def settings(database_url: str, model: ModelServer, temporal: Client) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        openai_base_url=model.base_url,
        openai_api_key="test-key",
        task_queue=new_id("queue"),
        temporal_address=temporal.service_client.config.target_host,
        egress_allow=["127.0.0.1"],
    )


@pytest.fixture
async def working(house: World) -> AsyncIterator[World]:
    async with worker.working(house.client, house.database, house.settings, SANDBOX):
        yield house


async def target(house: World, receiver: Receiver, **fields: object) -> Target:
    row = {"uuid": new_id("tgt"), "channel": "webhook", "name": "On call", "cooldown_seconds": 0, "is_enabled": True}
    row |= {"config": {"url": receiver.url, "secret": SECRET}, **fields}
    now = datetime.now(UTC)
    return (await house.database.write(lambda c: create_target(c, house.project, row, now))).target


async def notifications(house: World) -> list[Notification]:
    table = columns(Notification)
    return await house.database.read(lambda c: many(c, Notification, select(table).order_by(table.c.id)))


async def settled(house: World, count: int) -> list[Notification]:
    """Once there are so many and all are delivered."""
    delivered = ["delivered"] * count
    return await until(lambda: notifications(house), lambda rows: [row.status for row in rows] == delivered, WITHIN)


def failed_tick(database: Database, heartbeat: str, now: datetime) -> tuple[str, ...]:
    """A run that failed and whose worker died right after the transaction that says so."""
    tick = now.replace(second=0, microsecond=0)
    claim = TickClaim(heartbeat, "schedule", None, new_id("flow"), "run-1", tick)

    def work(connection: Connection) -> tuple[str, ...]:
        run = open_run(connection, claim, HOUSE, now).run
        assert run is not None
        return close_run(connection, run.uuid, Ending("error", "key_rejected", "No key."), now).notification_uuids

    return database.write_now(work)


async def test_failed_runs_end_as_one_message_each_target(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(working, receiver)
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
    told = [(request.json["type"], request.json["data"]["title"]) for request in receiver.received]
    notice = ("user.notified", "Call the plumber")
    assert sorted(told) == [("run.finding", "Support desk: Disk is full"), notice, notice]
    links = {request.json["data"]["link"] for request in receiver.received}
    assert links == {None, "https://desk.example/7"}


async def test_a_member_is_told_in_place_of_the_owner(
    working: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    def of_a_member(connection: Connection) -> int:
        member = create_subscriber(connection, working.bot, "ada@example.com", None, datetime.now(UTC))
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


async def test_what_nobody_started_upkeep_starts_once(house: World, receiver: Receiver) -> None:
    await target(house, receiver)
    now = datetime.now(UTC) + timedelta(minutes=1)
    [uuid] = failed_tick(house.database, house.heartbeat.uuid, now)
    upkeep = UpkeepActivities(
        house.client, house.database, house.settings, house.schedules, lambda: now + timedelta(minutes=2)
    )
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 1
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 0
    # Its clock was set ahead; the worker's is not.
    due_now = update(columns(Notification)).values(next_attempt_at=datetime.now(UTC))
    await house.database.write(lambda c: c.execute(due_now))
    async with worker.working(house.client, house.database, house.settings, SANDBOX):
        await house.client.get_workflow_handle(uuid).result()
    assert [request.headers["webhook-id"] for request in receiver.received] == [uuid]


async def test_what_piled_up_while_everything_was_down_is_one_message(house: World, receiver: Receiver) -> None:
    await target(house, receiver)
    now = datetime.now(UTC)

    def outage(connection: Connection) -> None:
        for minute in range(7):
            record_missed(connection, house.heartbeat, [now - timedelta(hours=9, minutes=minute)], now)

    await house.database.write(outage)
    upkeep = UpkeepActivities(
        house.client, house.database, house.settings, house.schedules, lambda: now + timedelta(minutes=2)
    )
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 7
    async with worker.working(house.client, house.database, house.settings, SANDBOX):
        rows = await settled(house, 7)
    [request] = receiver.received
    assert (request.json["type"], request.json["data"]["details"]["total"]) == ("summary", 7)
    assert len([row for row in rows if row.summary_id is None]) == 1


@ON_SQLITE
async def test_a_worker_killed_in_the_middle_of_sending_repeats_the_same_id(
    house: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    # The schedule is on, so a second failure may come with the next minute and pause it.
    await target(house, receiver, events=["run.failed"])
    model.script(fails(401, "invalid_api_key"))
    receiver.answer = None
    with contextlib.closing(Worker(house.settings, model)) as killed:
        assert await house.schedules.sync(house.heartbeat.uuid)
        await backfill(house, 1)
        await until(lambda: received(receiver), lambda count: count == 1, WITHIN)
        receiver.answer = says("204 No Content")
        killed.replace()
        [row] = await settled(house, 1)
    assert [request.headers["webhook-id"] for request in receiver.received] == [row.uuid] * 2
    assert (row.attempts, row.lost_attempts) == (2, 1)


@ON_SQLITE
async def test_workers_killed_in_the_middle_of_a_chat_message_show_it_twice_at_the_most(
    house: World,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(house, receiver, channel="slack", config={"url": receiver.url}, events=["run.failed"])
    model.script(fails(401, "invalid_api_key"))
    receiver.answer = None
    with contextlib.closing(Worker(house.settings, model)) as killed:
        assert await house.schedules.sync(house.heartbeat.uuid)
        await backfill(house, 1)
        for attempt in (1, 2):
            await until(lambda: received(receiver), lambda count, attempt=attempt: count == attempt, WITHIN)
            killed.replace()
        [row] = await until(lambda: notifications(house), lambda rows: rows[0].status == "failed", WITHIN)
    assert (row.lost_attempts, len(receiver.received)) == (2, 2)
    assert (row.last_error or "").startswith("Of 2 attempts nobody knows")


async def received(receiver: Receiver) -> int:
    return len(receiver.received)
