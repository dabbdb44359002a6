"""What is held in a cool-down or waits after an outage, and the one message that tells it."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from heartbeat.domain.secret_keys import new_key
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications.events import APPROVAL, record_event
from heartbeat.store.notifications.outbox import DeliveryOutcome as Attempt
from heartbeat.store.notifications.outbox import (
    begin_delivery,
    finish_delivery,
)
from heartbeat.store.tables.notifications import Target
from tests.support.receiver import Receiver, says
from tests.support.store_world import StoreWorld


async def test_what_comes_in_a_cool_down_is_told_in_one_message_at_its_end(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url, cooldown_seconds=3600)
    assert (await world.deliver(*world.fails().notification_uuids)).status == "delivered"
    until = world.rows(Target)[0].quiet_until
    assert until == world.now + timedelta(hours=1)
    held = [*world.run().notification_uuids, *world.fails().notification_uuids, *world.run().notification_uuids]
    for uuid in held:
        delivery = await world.deliver(uuid)
        assert delivery.status == "held"
        assert delivery.retry_seconds == (until - world.now).total_seconds()
    assert (world.statuses(), len(receiver.received)) == (["delivered", "held", "held", "held"], 1)
    world.now = until
    ended = [await world.deliver(uuid) for uuid in held]
    assert [delivery.retry_seconds for delivery in ended] == [None, None, None]
    assert world.statuses() == ["delivered"] * 4
    [_, summary] = receiver.received
    assert summary.headers["webhook-id"] == held[0]
    body = summary.json
    assert (body["type"], body["data"]["title"]) == ("summary", "3 messages of Disks")
    kinds = [event["kind"] for event in body["data"]["details"]["events"]]
    assert kinds == ["run.recovered", "run.failed", "run.recovered"]
    first, *others = world.notifications()[1:]
    assert (first.summary_id, [other.summary_id for other in others]) == (None, [first.id, first.id])
    assert world.rows(Target)[0].quiet_until == until + timedelta(hours=1)


async def test_a_summary_tells_what_was_counted_last(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url, cooldown_seconds=3600)
    await world.deliver(*world.fails().notification_uuids)
    full = {"title": "Disk is 91% full", "severity": "warning", "fingerprint": "disk"}
    held = world.reports(full).notification_uuids
    for uuid in held:
        await world.deliver(uuid)
    assert world.reports({**full, "title": "Disk is 97% full", "detail": "of 40 GB"}).notification_uuids == ()
    await world.deliver(held[0], timedelta(hours=1))
    [_, summary] = receiver.received
    assert "Disk is 97% full" in summary.json["data"]["message"]
    assert "91%" not in summary.body.decode()


async def test_the_only_one_that_was_held_is_itself(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url, cooldown_seconds=3600)
    await world.deliver(*world.fails().notification_uuids)
    [uuid] = world.run().notification_uuids
    await world.deliver(uuid)
    await world.deliver(uuid, timedelta(hours=1))
    assert [request.json["type"] for request in receiver.received] == ["run.failed", "run.recovered"]


@pytest.mark.parametrize(("count", "messages"), [(5, 5), (6, 1)])
async def test_after_an_outage_many_are_one_message(
    world: StoreWorld, receiver: Receiver, count: int, messages: int
) -> None:
    world.target(receiver.url)
    for uuid in world.several(count):
        await world.deliver(uuid)
    assert (world.statuses(), len(receiver.received)) == (["delivered"] * count, messages)


async def test_a_summary_that_fails_shares_its_fate(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("503 Service Unavailable")
    waiting = world.several(7)
    for uuid in waiting:
        await world.deliver(uuid)
    assert len(receiver.received) == 1
    assert all("503" in (row.last_error or "") for row in world.notifications())
    receiver.answer = says("204 No Content")
    assert (await world.deliver(waiting[0], timedelta(seconds=5))).status == "delivered"
    assert world.statuses() == ["delivered"] * 7
    assert len(receiver.received) == 2


async def test_one_that_is_being_sent_is_in_no_summary(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    first, *others = world.several(7)
    world.database.write_now(lambda c: begin_delivery(c, others[0], world.now))
    # All the others were gathered by it; one that comes now finds it on its way and leaves it alone.
    [late] = world.run().notification_uuids
    await world.deliver(late)
    assert receiver.received[0].json["type"] == "run.recovered"
    world.database.write_now(lambda c: finish_delivery(c, others[0], Attempt(), world.now))
    assert set(world.statuses()) == {"delivered"}
    assert (await world.deliver(first)).status == "delivered"
    assert len(receiver.received) == 1


async def test_what_may_have_arrived_is_sent_again_as_it_was_and_in_no_summary(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    [first] = world.fails().notification_uuids
    world.cut_off(first)
    later = world.several(8)
    world.now += timedelta(hours=1)
    assert (await world.deliver(later[0])).status == "delivered"
    assert (await world.deliver(first)).status == "delivered"
    summary, alone = (request.json for request in receiver.received)
    assert (summary["data"]["title"], summary["data"]["details"]["total"]) == (
        f"{len(later)} messages of Disks",
        len(later),
    )
    assert (alone["type"], alone["data"]["id"]) == ("run.failed", first)


async def test_what_a_silent_receiver_may_have_is_in_no_summary_either(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    [first] = world.fails().notification_uuids
    world.cut_off(first)
    silence = Attempt("It did not answer.", unconfirmed=True)
    world.database.write_now(lambda c: finish_delivery(c, first, silence, world.now))
    later = world.several(8)
    assert (await world.deliver(later[0])).status == "delivered"
    assert (await world.deliver(first, timedelta(hours=1))).status == "delivered"
    summary, alone = (request.json for request in receiver.received)
    assert summary["data"]["details"]["total"] == len(later)
    assert (alone["type"], alone["data"]["id"]) == ("run.failed", first)


async def test_an_approval_is_neither_held_nor_summed_up_and_has_its_link(
    world: StoreWorld, receiver: Receiver
) -> None:
    secrets = {"secret_keys": SecretStr(new_key()), "public_url": "https://heartbeat.example/"}
    world.settings = world.settings.model_copy(update=secrets)
    world.target(receiver.url, cooldown_seconds=3600)
    await world.deliver(*world.fails().notification_uuids)
    waiting = world.several(7)
    data = {"approval": "apr_1", "tool": "desk__book", "expires_at": "2026-11-21T12:00:00+00:00"}
    [uuid] = world.database.write_now(lambda c: record_event(c, world.heartbeat, APPROVAL, data, world.now))
    world.now = world.rows(Target)[0].quiet_until
    assert (await world.deliver(waiting[0])).status == "delivered"
    assert (await world.deliver(uuid)).status == "delivered"
    summary, approval = (request.json for request in receiver.received[1:])
    assert approval["type"] == "approval.requested"
    assert {event["kind"] for event in summary["data"]["details"]["events"]} == {"run.failed", "run.recovered"}
    page, _, token = approval["data"]["link"].partition("?token=")
    assert page == "https://heartbeat.example/approvals/apr_1"
    assert Keyring.from_settings(world.settings).open(token, "approval:apr_1") == ""
