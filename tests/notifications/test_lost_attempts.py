"""Attempts of which nobody knows whether they arrived: who gets how many copies."""

from datetime import timedelta

import pytest

from heartbeat.domain.contracts import DeliveryResult
from heartbeat.notifications.channels import post
from heartbeat.notifications.delivery import deliver
from heartbeat.notifications.rendering import render_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications.outbox import DeliveryOutcome as Attempt
from heartbeat.store.notifications.outbox import (
    DeliveryState,
    OutgoingMessage,
    finish_delivery,
)
from tests.support.mailbox import Mailbox, served
from tests.support.receiver import Receiver, says
from tests.support.store_world import StoreWorld


async def test_an_attempt_whose_worker_died_is_made_again_at_once_and_counted(
    world: StoreWorld, receiver: Receiver
) -> None:
    world.target(receiver.url)
    [uuid] = world.fails().notification_uuids
    world.cut_off(uuid)
    world.cut_off(uuid)
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
        assert isinstance(world.cut_off(uuid), OutgoingMessage)
    assert world.cut_off(uuid) == DeliveryState("failed")
    [row] = world.notifications()
    assert (row.attempts, row.lost_attempts, row.next_attempt_at) == (10, 10, None)
    assert (row.last_error or "").startswith("Of attempt 10 nobody knows")


async def test_a_chat_is_told_twice_at_the_most(world: StoreWorld, receiver: Receiver) -> None:
    world.target(channel="slack", config={"url": f"{receiver.url}/services/1"})
    [uuid] = world.fails().notification_uuids
    world.cut_off(uuid)
    receiver.answer = says("503 Service Unavailable")
    assert (await world.deliver(uuid, timedelta(seconds=8))).status == "pending"
    assert len(receiver.received) == 1
    world.now += timedelta(minutes=5)
    world.cut_off(uuid)
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
    if answer is None:
        # Long enough for a slow machine to connect and send the body, which is all that the time-out may cut off.
        monkeypatch.setattr(post, "SECONDS", 2)
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
    world.cut_off(uuid)
    for _ in range(2):
        world.database.write_now(lambda c: finish_delivery(c, uuid, Attempt("No answer.", unconfirmed=True), world.now))
    assert world.notifications()[0].lost_attempts == 1


async def test_a_mail_that_is_sent_again_has_the_same_message_id(world: StoreWorld) -> None:
    mailbox = Mailbox()
    async with served(mailbox, None, None):
        place = {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}
        world.target(channel="email", config={**place, "sender": "hb@watch.example", "to": "ada@example.com"})
        [uuid] = world.fails().notification_uuids
        sent = world.cut_off(uuid)
        assert isinstance(sent, OutgoingMessage)
        await deliver(sent.target, render_message(sent), Keyring.from_settings(world.settings), world.settings)
        assert (await world.deliver(uuid, timedelta(seconds=8))).status == "delivered"
    assert [mail["Message-ID"] for mail in mailbox.mails] == [f"<{uuid}@watch.example>"] * 2
    first, again = ({name: mail[name] for name in ("Subject", "Date", "To")} for mail in mailbox.mails)
    assert first == again
