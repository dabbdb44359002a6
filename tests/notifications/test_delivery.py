"""One attempt after another: what each answer of the receiver means, what is held, and what a summary takes along."""

from datetime import timedelta

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from heartbeat.domain.contracts import DeliveryResult
from heartbeat.domain.secret_keys import new_key
from heartbeat.notifications.channels import post
from heartbeat.notifications.delivery import deliver
from heartbeat.notifications.rendering import render_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Plan
from heartbeat.store.notifications.events import APPROVAL, record_event
from heartbeat.store.notifications.outbox import (
    RETRY_DELAYS,
    DeliveryState,
    OutgoingMessage,
    begin_delivery,
    finish_delivery,
    overdue_notifications,
)
from heartbeat.store.notifications.outbox import DeliveryOutcome as Attempt
from heartbeat.store.notifications.targets import delete_target
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.notifications import Target
from tests.support.channel_configs import set_up
from tests.support.mailbox import Mailbox, served
from tests.support.receiver import Receiver, says
from tests.support.store_world import SECRET, StoreWorld


def states(world: StoreWorld) -> list[str]:
    return [row.status for row in world.notifications()]


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
    assert (states(world), len(receiver.received)) == (["delivered", "held", "held", "held"], 1)
    world.now = until
    ended = [await world.deliver(uuid) for uuid in held]
    assert [delivery.retry_seconds for delivery in ended] == [None, None, None]
    assert states(world) == ["delivered"] * 4
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


async def test_the_only_one_that_was_held_is_itself(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url, cooldown_seconds=3600)
    await world.deliver(*world.fails().notification_uuids)
    [uuid] = world.run().notification_uuids
    await world.deliver(uuid)
    await world.deliver(uuid, timedelta(hours=1))
    assert [request.json["type"] for request in receiver.received] == ["run.failed", "run.recovered"]


def several(world: StoreWorld, count: int) -> list[str]:
    return [
        uuid for number in range(count) for uuid in (world.run() if number % 2 else world.fails()).notification_uuids
    ]


@pytest.mark.parametrize(("count", "messages"), [(5, 5), (6, 1)])
async def test_after_an_outage_many_are_one_message(
    world: StoreWorld, receiver: Receiver, count: int, messages: int
) -> None:
    world.target(receiver.url)
    for uuid in several(world, count):
        await world.deliver(uuid)
    assert (states(world), len(receiver.received)) == (["delivered"] * count, messages)


async def test_a_summary_that_fails_shares_its_fate(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("503 Service Unavailable")
    waiting = several(world, 7)
    for uuid in waiting:
        await world.deliver(uuid)
    assert len(receiver.received) == 1
    assert all("503" in (row.last_error or "") for row in world.notifications())
    receiver.answer = says("204 No Content")
    assert (await world.deliver(waiting[0], timedelta(seconds=5))).status == "delivered"
    assert states(world) == ["delivered"] * 7
    assert len(receiver.received) == 2


async def test_one_that_is_being_sent_is_in_no_summary(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    first, *others = several(world, 7)
    world.database.write_now(lambda c: begin_delivery(c, others[0], world.now))
    # All the others were gathered by it; one that comes now finds it on its way and leaves it alone.
    [late] = world.run().notification_uuids
    await world.deliver(late)
    assert receiver.received[0].json["type"] == "run.recovered"
    world.database.write_now(lambda c: finish_delivery(c, others[0], Attempt(), world.now))
    assert set(states(world)) == {"delivered"}
    assert (await world.deliver(first)).status == "delivered"
    assert len(receiver.received) == 1


def cut_off(world: StoreWorld, uuid: str) -> OutgoingMessage | DeliveryState:
    """An attempt that begins, and whose worker dies before it writes down how it went."""
    world.now += timedelta(seconds=8)
    return world.database.write_now(lambda c: begin_delivery(c, uuid, world.now))


async def test_an_attempt_whose_worker_died_is_made_again_at_once_and_counted(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    [uuid] = world.fails().notification_uuids
    cut_off(world, uuid)
    cut_off(world, uuid)
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts) == (2, 1)
    assert row.last_error == "Of attempt 1 nobody knows whether it arrived: its worker died over it."
    assert (await world.deliver(uuid, timedelta(seconds=8))).status == "delivered"
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts, row.last_error, row.begun_at) == (3, 2, None, None)
    assert [request.headers["webhook-id"] for request in receiver.received] == [uuid]


async def test_workers_that_die_over_it_again_and_again_are_ten(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    [uuid] = world.fails().notification_uuids
    for _ in range(10):
        assert isinstance(cut_off(world, uuid), OutgoingMessage)
    assert cut_off(world, uuid) == DeliveryState("failed")
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts, row.next_attempt_at) == (10, 10, None)
    assert (row.last_error or "").startswith("Of attempt 10 nobody knows")


async def test_a_chat_is_told_twice_at_the_most(world: StoreWorld, receiver: Receiver) -> None:
    world.target(channel="slack", config={"url": f"{receiver.url}/services/1"})
    [uuid] = world.fails().notification_uuids
    cut_off(world, uuid)
    receiver.answer = says("503 Service Unavailable")
    assert (await world.deliver(uuid, timedelta(seconds=8))).status == "pending"
    assert len(receiver.received) == 1
    world.now += timedelta(minutes=5)
    cut_off(world, uuid)
    assert (await world.deliver(uuid, timedelta(seconds=8))).status == "failed"
    [row] = world.notifications()
    assert (row.status, row.lost_attempts, len(receiver.received)) == ("failed", 2, 1)
    assert row.last_error == "Of 2 attempts nobody knows whether they arrived; another might be one more."


async def attempts_of(world: StoreWorld, uuid: str) -> DeliveryResult:
    """Attempt after attempt, each when it is due, until nothing is left to do."""
    while (delivery := await world.deliver(uuid)).retry_seconds is not None:
        world.now += timedelta(seconds=delivery.retry_seconds)
    return delivery


@pytest.mark.parametrize("answer", [None, b"", says("502 Bad Gateway"), says("504 Gateway Timeout")])
async def test_a_chat_that_took_a_message_and_did_not_say_so_gets_one_copy_at_the_most(
    world: StoreWorld, receiver: Receiver, answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.2)
    world.target(channel="slack", config={"url": f"{receiver.url}/services/1"})
    [uuid] = world.fails().notification_uuids
    receiver.answer = answer
    assert (await attempts_of(world, uuid)).status == "failed"
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts, row.next_attempt_at, len(receiver.received)) == (2, 2, None, 2)
    assert (row.last_error or "").endswith(
        ". Of 2 attempts nobody knows whether they arrived; another might be one more."
    )


async def test_attempts_that_certainly_failed_are_free(world: StoreWorld, receiver: Receiver) -> None:
    world.target(channel="slack", config={"url": f"{receiver.url}/services/1"})
    [uuid] = world.fails().notification_uuids
    receiver.answers = [says("503 Service Unavailable"), says("502 Bad Gateway")]
    receiver.answers += [says("500 Internal Server Error"), says("429 Too Many Requests")]
    assert (await attempts_of(world, uuid)).status == "delivered"
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts, row.last_error) == (5, 1, None)


async def test_a_program_that_can_tell_a_repetition_is_tried_ten_times(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    [uuid] = world.fails().notification_uuids
    receiver.answer = says("504 Gateway Timeout")
    assert (await attempts_of(world, uuid)).status == "failed"
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts, len(receiver.received)) == (10, 10, 10)


def test_an_outcome_that_is_written_twice_counts_once(world: StoreWorld) -> None:
    world.target()
    [uuid] = world.fails().notification_uuids
    cut_off(world, uuid)
    for _ in range(2):
        world.database.write_now(lambda c: finish_delivery(c, uuid, Attempt("No answer.", unconfirmed=True), world.now))
    assert world.notifications()[0].lost_attempts == 1


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
    cut_off(world, uuid)
    sent = Attempt(config_changes={"chat_id": ("1", "2")})
    world.database.write_now(lambda c: finish_delivery(c, uuid, sent, world.now))
    assert world.rows(Target)[0].config == {"chat_id": "7"}


async def test_a_mail_that_is_sent_again_has_the_same_message_id(world: StoreWorld) -> None:
    mailbox = Mailbox()
    async with served(mailbox, None, None):
        place = {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}
        world.target(channel="email", config={**place, "sender": "hb@watch.example", "to": "ada@example.com"})
        [uuid] = world.fails().notification_uuids
        sent = cut_off(world, uuid)
        assert isinstance(sent, OutgoingMessage)
        await deliver(sent.target, render_message(sent), Keyring.from_settings(world.settings), world.settings)
        assert (await world.deliver(uuid, timedelta(seconds=8))).status == "delivered"
    assert [mail["Message-ID"] for mail in mailbox.mails] == [f"<{uuid}@watch.example>"] * 2
    first, again = ({name: mail[name] for name in ("Subject", "Date", "To")} for mail in mailbox.mails)
    assert first == again


async def test_what_may_have_arrived_is_sent_again_as_it_was_and_in_no_summary(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    [first] = world.fails().notification_uuids
    cut_off(world, first)
    later = several(world, 8)
    world.now += timedelta(hours=1)
    assert (await world.deliver(later[0])).status == "delivered"
    assert (await world.deliver(first)).status == "delivered"
    summary, alone = (request.json for request in receiver.received)
    assert (summary["data"]["title"], summary["data"]["details"]["total"]) == (
        f"{len(later)} messages of Disks",
        len(later),
    )
    assert (alone["type"], alone["data"]["id"]) == ("run.failed", first)


async def test_a_message_that_was_tried_stays_the_same(world: StoreWorld, receiver: Receiver) -> None:
    world.target(receiver.url)
    receiver.answer = says("503 Service Unavailable")
    several(world, 4)
    first, *_ = waiting = [row.uuid for row in world.notifications()]
    for uuid in waiting:
        await world.deliver(uuid)
    several(world, 4)
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


async def test_an_approval_is_neither_held_nor_summed_up_and_has_its_link(
    world: StoreWorld, receiver: Receiver
) -> None:
    secrets = {"secret_keys": SecretStr(new_key()), "public_url": "https://heartbeat.example/"}
    world.settings = world.settings.model_copy(update=secrets)
    world.target(receiver.url, cooldown_seconds=3600)
    await world.deliver(*world.fails().notification_uuids)
    waiting = several(world, 7)
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
