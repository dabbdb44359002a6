"""From the run to the receiver over real Temporal: each message once, whoever dies in between."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select, update
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

import worker
from activities.upkeep import Upkeep
from heartbeat.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.closing import Ending, close_run
from heartbeat.store.database import Database, columns, many
from heartbeat.store.events import record_missed
from heartbeat.store.messages import Notification, Target
from heartbeat.store.opening import Claim, open_run
from heartbeat.store.subscribers import create_subscriber
from heartbeat.store.targets import create_target
from tests.channels.receiver import Receiver, says
from tests.e2e.test_crashes import Worker
from tests.models import ModelServer, asks, fails
from tests.models import says as answers
from tests.notifications.conftest import SECRET
from tests.run.conftest import SANDBOX, House
from tests.run.test_agent_run import backfill, until
from tests.run.test_opening import HOUSE

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
async def working(house: House) -> AsyncIterator[House]:
    async with worker.working(house.client, house.database, house.settings, SANDBOX):
        yield house


async def target(house: House, receiver: Receiver, **fields: object) -> Target:
    row = {"uuid": new_id("tgt"), "channel": "webhook", "name": "On call", "cooldown_seconds": 0, "is_enabled": True}
    row |= {"config": {"url": receiver.url, "secret": SECRET}, **fields}
    now = datetime.now(UTC)
    return (await house.database.write(lambda c: create_target(c, house.project, row, now))).target


async def notifications(house: House) -> list[Notification]:
    table = columns(Notification)
    return await house.database.read(lambda c: many(c, Notification, select(table).order_by(table.c.id)))


async def settled(house: House, count: int) -> list[Notification]:
    """Once there are so many and all are delivered."""
    delivered = ["delivered"] * count
    return await until(lambda: notifications(house), lambda rows: [row.status for row in rows] == delivered, WITHIN)


def failed_tick(database: Database, heartbeat: str, now: datetime) -> tuple[str, ...]:
    """A run that failed and whose worker died right after the transaction that says so."""
    tick = now.replace(second=0, microsecond=0)
    claim = Claim(heartbeat, "schedule", None, new_id("flow"), "run-1", tick)

    def work(connection: Connection) -> tuple[str, ...]:
        run = open_run(connection, claim, HOUSE, now).run
        assert run is not None
        return close_run(connection, run.uuid, Ending("error", "key_rejected", "No key."), now).tell

    return database.write_now(work)


async def test_failed_runs_end_as_one_message_each_target(
    working: House,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(working, receiver)
    await target(working, receiver, events=["heartbeat.paused"])
    model.script(fails(401, "invalid_api_key"))
    assert await working.schedules.follow(working.heartbeat.uuid)
    await backfill(working, 2)
    rows = await settled(working, 3)
    assert sorted(request.json["type"] for request in receiver.received) == [
        "heartbeat.paused",
        "heartbeat.paused",
        "run.failed",
    ]
    assert {request.headers["webhook-id"] for request in receiver.received} == {row.uuid for row in rows}


async def test_an_agents_words_are_told_while_it_still_runs_and_its_findings_once(
    working: House,
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
    working: House,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    def of_a_member(connection: Connection) -> int:
        member = create_subscriber(connection, working.bot, "ada@example.com", None, datetime.now(UTC))
        connection.exec_driver_sql(f"UPDATE heartbeat SET member_id = {member.id}")
        return member.id or 0

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
    working: House,
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


async def test_what_nobody_started_upkeep_starts_once(house: House, receiver: Receiver) -> None:
    await target(house, receiver)
    now = datetime.now(UTC) + timedelta(minutes=1)
    [uuid] = failed_tick(house.database, house.heartbeat.uuid, now)
    upkeep = Upkeep(house.client, house.database, house.settings, house.schedules, lambda: now + timedelta(minutes=2))
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 1
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 0
    # Its clock was set ahead; the worker's is not.
    due_now = update(columns(Notification)).values(next_attempt_at=datetime.now(UTC))
    await house.database.write(lambda c: c.execute(due_now))
    async with worker.working(house.client, house.database, house.settings, SANDBOX):
        await house.client.get_workflow_handle(uuid).result()
    assert [request.headers["webhook-id"] for request in receiver.received] == [uuid]


async def test_what_piled_up_while_everything_was_down_is_one_message(house: House, receiver: Receiver) -> None:
    await target(house, receiver)
    now = datetime.now(UTC)

    def outage(connection: Connection) -> None:
        for minute in range(7):
            record_missed(connection, house.heartbeat, [now - timedelta(hours=9, minutes=minute)], now)

    await house.database.write(outage)
    upkeep = Upkeep(house.client, house.database, house.settings, house.schedules, lambda: now + timedelta(minutes=2))
    assert await ActivityEnvironment().run(upkeep.start_deliveries) == 7
    async with worker.working(house.client, house.database, house.settings, SANDBOX):
        rows = await settled(house, 7)
    [request] = receiver.received
    assert (request.json["type"], request.json["data"]["details"]["total"]) == ("summary", 7)
    assert len([row for row in rows if row.summary_id is None]) == 1


@ON_SQLITE
async def test_a_worker_killed_in_the_middle_of_sending_repeats_the_same_id(
    house: House,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    # The schedule is on, so a second failure may come with the next minute and pause it.
    await target(house, receiver, events=["run.failed"])
    model.script(fails(401, "invalid_api_key"))
    receiver.answer = None
    with contextlib.closing(Worker(house.settings, model)) as killed:
        assert await house.schedules.follow(house.heartbeat.uuid)
        await backfill(house, 1)
        await until(lambda: received(receiver), lambda count: count == 1, WITHIN)
        receiver.answer = says("204 No Content")
        killed.replace()
        [row] = await settled(house, 1)
    assert [request.headers["webhook-id"] for request in receiver.received] == [row.uuid] * 2
    assert (row.attempts, row.lost_attempts) == (2, 1)


@ON_SQLITE
async def test_workers_killed_in_the_middle_of_a_chat_message_show_it_twice_at_the_most(
    house: House,
    model: ModelServer,
    receiver: Receiver,
) -> None:
    await target(house, receiver, channel="slack", config={"url": receiver.url}, events=["run.failed"])
    model.script(fails(401, "invalid_api_key"))
    receiver.answer = None
    with contextlib.closing(Worker(house.settings, model)) as killed:
        assert await house.schedules.follow(house.heartbeat.uuid)
        await backfill(house, 1)
        for attempt in (1, 2):
            await until(lambda: received(receiver), lambda count, attempt=attempt: count == attempt, WITHIN)
            killed.replace()
        [row] = await until(lambda: notifications(house), lambda rows: rows[0].status == "failed", WITHIN)
    assert (row.lost_attempts, len(receiver.received)) == (2, 2)
    assert (row.last_error or "").startswith("Of 2 attempts nobody knows")


async def received(receiver: Receiver) -> int:
    return len(receiver.received)
