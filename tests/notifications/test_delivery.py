"""One attempt after another: what each answer of the receiver means."""

from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from heartbeat.domain.plans import Plan
from heartbeat.store.notifications.outbox import (
    RETRY_DELAYS,
    finish_delivery,
    overdue_notifications,
)
from heartbeat.store.notifications.outbox import DeliveryOutcome as Attempt
from heartbeat.store.notifications.targets import delete_target
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.notifications import Target
from tests.support.channel_configs import set_up
from tests.support.receiver import Receiver, says
from tests.support.store_world import SECRET, StoreWorld


async def test_a_message_is_delivered_once_however_often_it_is_asked_for(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    [uuid] = world.fails("No key: the provider said 401.").notification_uuids
    first, again = await world.deliver(uuid), await world.deliver(uuid)
    assert (first.status, first.retry_seconds, again) == ("delivered", None, first)
    [request] = receiver.received
    assert request.headers["webhook-id"] == uuid
    [row] = world.notifications()
    assert (row.status, row.attempts, row.delivered_at, row.last_error) == ("delivered", 1, world.now, None)
    body = request.json
    assert (body["type"], body["data"]["title"]) == ("run.failed", "Disks failed")
    assert "the provider said 401" in body["data"]["message"]
    assert body["data"]["details"]["heartbeat_id"] == world.heartbeat.uuid


async def test_the_reference_library_takes_the_signature(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    await world.deliver(*world.fails().notification_uuids)
    [request] = receiver.received
    assert Webhook(SECRET).verify(request.body, request.headers)["type"] == "run.failed"


async def test_a_receiver_that_is_down_and_comes_back_gets_the_same_id(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("503 Service Unavailable")
    [uuid] = world.fails().notification_uuids
    down = await world.deliver(uuid)
    assert (down.status, down.retry_seconds) == ("pending", 5)
    [row] = world.notifications()
    assert (row.status, row.attempts) == ("pending", 1)
    assert "503" in (row.last_error or "")
    early = await world.deliver(uuid, timedelta(seconds=2))
    assert (early.retry_seconds, len(receiver.received)) == (3, 1)
    receiver.answer = says("200 OK")
    assert (await world.deliver(uuid, timedelta(seconds=3))).status == "delivered"
    assert [request.headers["webhook-id"] for request in receiver.received] == [uuid, uuid]
    assert receiver.received[0].body == receiver.received[1].body
    assert world.notifications()[0].last_error is None


async def test_ten_attempts_over_three_days_and_no_more(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("500 Internal Server Error")
    [uuid] = world.fails().notification_uuids
    began, waits = world.now, []
    while (delivery := await world.deliver(uuid)).retry_seconds is not None:
        waits.append(timedelta(seconds=delivery.retry_seconds))
        world.now += waits[-1]
    assert (waits, len(receiver.received), delivery.status) == (list(RETRY_DELAYS), 10, "failed")
    assert timedelta(days=3) < world.now - began < timedelta(days=3, hours=6)
    [row] = world.notifications()
    assert (row.status, row.attempts, row.next_attempt_at) == ("failed", 10, None)


async def test_a_receiver_may_ask_for_more_patience(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("429 Too Many Requests", retry_after="120")
    assert (await world.deliver(*world.fails().notification_uuids)).retry_seconds == 120


async def test_gone_disables_the_target_and_says_so(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    [first] = world.fails().notification_uuids
    [second] = world.run().notification_uuids
    receiver.answer = says("410 Gone")
    assert (await world.deliver(first)).status == (await world.deliver(second)).status == "failed"
    [target] = world.rows(Target)
    assert (target.is_enabled, len(receiver.received)) == (False, 1)
    assert "410" in (target.disabled_reason or "")
    assert all("410" in (row.last_error or "") for row in world.notifications())
    assert world.fails().notification_uuids == ()


@pytest.mark.parametrize("answer", ["400 Bad Request", "404 Not Found"])
async def test_what_is_refused_is_not_tried_again(world: StoreWorld, receiver: Receiver, answer: str) -> None:
    world.target(receiver.url)
    receiver.answer = says(answer)
    delivery = await world.deliver(*world.fails().notification_uuids)
    assert (delivery.status, delivery.retry_seconds) == ("failed", None)
    assert world.rows(Target)[0].is_enabled


async def test_a_deleted_target_gets_nothing_more(world: StoreWorld, receiver: Receiver) -> None:
    target = world.target(receiver.url)
    [uuid] = world.fails().notification_uuids
    world.database.write_now(lambda c: delete_target(c, Access(world.project, Plan()), target.uuid, world.now))
    assert (await world.deliver(uuid)).status == "failed"
    assert receiver.received == []


async def test_what_was_counted_later_does_not_change_a_message_that_was_sent(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    receiver.answers = [says("503 Service Unavailable")]
    full = {"title": "Disk is 91% full", "severity": "warning", "fingerprint": "disk"}
    [uuid] = world.reports(full).notification_uuids
    await world.deliver(uuid)
    world.reports({**full, "title": "Disk is 97% full"})
    assert (await world.deliver(uuid, timedelta(seconds=5))).status == "delivered"
    first, second = receiver.received
    assert first.body == second.body


async def test_a_chat_that_moved_is_written_to_where_it_is_now(world: StoreWorld, receiver: Receiver) -> None:
    world.target(channel="telegram", config=set_up("telegram", receiver))
    first, second = (world.fails().notification_uuids[0], world.run().notification_uuids[0])
    moved = '{"parameters": {"migrate_to_chat_id": -1001557912345}}'
    receiver.answers = [says("400 Bad Request", moved)]
    assert [(await world.deliver(uuid)).status for uuid in (first, second)] == ["delivered"] * 2
    chats = [request.json["chat_id"] for request in receiver.received]
    assert chats == ["-100123", "-1001557912345", "-1001557912345"]
    assert world.rows(Target)[0].config["chat_id"] == "-1001557912345"


def test_an_address_that_somebody_changed_meanwhile_stays(world: StoreWorld) -> None:
    world.target(config={"chat_id": "7"})
    [uuid] = world.fails().notification_uuids
    world.cut_off(uuid)
    sent = Attempt(config_changes={"chat_id": ("1", "2")})
    world.database.write_now(lambda c: finish_delivery(c, uuid, sent, world.now))
    assert world.rows(Target)[0].config == {"chat_id": "7"}


async def test_a_message_that_was_tried_stays_the_same(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("503 Service Unavailable")
    world.several(4)
    first, *_ = waiting = [row.uuid for row in world.notifications()]
    for uuid in waiting:
        await world.deliver(uuid)
    world.several(4)
    receiver.answer = says("204 No Content")
    assert (await world.deliver(first, timedelta(minutes=5))).status == "delivered"
    assert receiver.received[-1].body == receiver.received[0].body


async def test_upkeep_finds_what_nobody_started(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url, cooldown_seconds=600, events=["run.failed", "run.recovered"])
    [failed] = world.fails().notification_uuids

    def overdue() -> list[str]:
        return world.database.read_now(lambda c: overdue_notifications(c, world.now, 100))

    assert overdue() == []
    world.now += timedelta(seconds=61)
    assert overdue() == [failed]
    await world.deliver(failed)
    [recovered] = world.run().notification_uuids
    await world.deliver(recovered)
    world.now += timedelta(minutes=5)
    assert overdue() == []
    world.now += timedelta(minutes=6)
    assert overdue() == [recovered]
    await world.deliver(recovered)
    assert overdue() == []


async def test_secrets_that_do_not_open_wait_for_the_operator(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url, sealed_config="v1.lost.bm9uc2Vuc2U=")
    delivery = await world.deliver(*world.fails().notification_uuids)
    assert (delivery.status, delivery.retry_seconds) == ("pending", 5)
    assert world.notifications()[0].last_error == (
        "The target's secrets cannot be opened here; the operator's log says why."
    )
