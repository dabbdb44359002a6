"""Signed webhooks, verified by the receiver with the specification's own library."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from heartbeat.notifications.channels.message import Message, Rejected
from heartbeat.notifications.channels.registry import read_config, send
from heartbeat.settings import Settings
from tests.support.receiver import Receiver


async def test_the_reference_library_verifies_it(receiver: Receiver, message: Message, settings: Settings) -> None:
    shown, secret = read_config("webhook", {"url": f"{receiver.url}/hook?for=ada"}, settings.egress_allow)
    await send("webhook", shown, secret, message, settings)
    [request] = receiver.received
    assert request.path == "/hook?for=ada"
    assert Webhook(secret["secret"]).verify(request.body, request.headers) == {
        "type": "run.finding",
        "timestamp": "2026-11-22T17:30:00+00:00",
        "data": {
            "id": "note_1",
            "priority": "urgent",
            "title": message.title,
            "message": message.body,
            "link": message.link,
            "rating_link": None,
            "bot": "Watcher",
            "heartbeat": "Disks",
            "details": {"run": "run_1"},
        },
    }
    another = read_config("webhook", shown, settings.egress_allow)[1]["secret"]
    with pytest.raises(WebhookVerificationError):
        Webhook(another).verify(request.body, request.headers)


async def test_another_attempt_has_the_same_id_and_body(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    shown, secret = read_config("webhook", {"url": receiver.url}, settings.egress_allow)
    began = int(datetime.now(UTC).timestamp())
    for _ in range(2):
        await send("webhook", shown, secret, message, settings)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "note_1"
    assert first.body == second.body
    assert began <= int(second.headers["webhook-timestamp"]) <= datetime.now(UTC).timestamp()


async def test_a_target_whose_secret_was_lost_is_not_signed_with_a_fresh_one(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    shown, _ = read_config("webhook", {"url": receiver.url}, settings.egress_allow)
    with pytest.raises(Rejected, match=r"config\.secret"):
        await send("webhook", shown, {}, message, settings)
    assert receiver.connections == 0
