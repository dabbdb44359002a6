"""Each chat channel's message as its service takes it, at a receiver in the service's place."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from heartbeat.notifications.channels.message import Message, Rejected
from heartbeat.notifications.channels.registry import read_config, send
from heartbeat.notifications.channels.texts import ZERO_WIDTH_SPACE, cut, in_utf8, in_utf16
from heartbeat.settings import Settings
from tests.support.channel_configs import TOKEN, set_up
from tests.support.receiver import Receiver, says

UNLINKED = f"[safe.example]{ZERO_WIDTH_SPACE}(https://evil.example)"
ORIGIN = "Watcher · Disks · 2026-11-22 17:30 UTC"
LONG = 'ä🙂&"' * 20_000


CHATS = ["slack", "discord", "telegram", "teams", "ntfy"]


async def sent(channel: str, receiver: Receiver, message: Message, settings: Settings) -> tuple[str, Any]:
    """The path and the JSON that the receiver was sent."""
    shown, secret = read_config(channel, set_up(channel, receiver), settings.egress_allow)
    await send(channel, shown, secret, message, settings)
    [request] = receiver.received
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    return request.path, request.json


async def test_slack(receiver: Receiver, message: Message, settings: Settings) -> None:
    path, payload = await sent("slack", receiver, message, settings)
    assert path == "/services/T1/B1/sesame"
    header, body, link, context = payload["blocks"]
    assert header["text"] == {"type": "plain_text", "text": ":rotating_light: Disk is full on db-1", "emoji": True}
    assert body["text"]["type"] == "mrkdwn"
    assert body["text"]["text"].startswith("At 98 %.\n&lt;!channel&gt; &lt;b&gt;bold&lt;/b&gt; &amp; @everyone")
    assert link["text"]["text"] == "<https://desk.example/f/1?a=1&amp;b=2|Open>"
    assert context == {"type": "context", "elements": [{"type": "mrkdwn", "text": ORIGIN, "verbatim": True}]}
    assert payload["text"].startswith(":rotating_light: Disk is full on db-1\nAt 98 %.\n&lt;!channel&gt;")
    assert "@everyone" not in payload["text"]
    assert UNLINKED in payload["text"]
    assert payload["text"].endswith("\n<https://desk.example/f/1?a=1&amp;b=2|Open>")


async def test_discord(receiver: Receiver, message: Message, settings: Settings) -> None:
    path, payload = await sent("discord", receiver, message, settings)
    assert path == "/api/webhooks/1/sesame?thread_id=7&wait=true"
    assert payload["allowed_mentions"] == {"parse": []}
    [embed] = payload["embeds"]
    assert embed["title"] == "Disk is full on db-1"
    assert embed["description"].endswith(f"{UNLINKED}\n\n{message.link}")
    assert embed["timestamp"] == "2026-11-22T17:30:00+00:00"
    assert embed["footer"] == {"text": ORIGIN}


MIGRATED = {"ok": False, "error_code": 400, "parameters": {"migrate_to_chat_id": -1001557912345}}


async def test_telegram_posts_to_a_topic_and_follows_a_group_that_became_a_supergroup(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answers = [says("400 Bad Request", json.dumps(MIGRATED)), says("200 OK", "{}")]
    shown, secret = read_config("telegram", set_up("telegram", receiver) | {"message_thread_id": 7}, ["127.0.0.1"])
    assert await send("telegram", shown, secret, message, settings) == {"chat_id": "-1001557912345"}
    first, second = (request.json for request in receiver.received)
    assert (first["chat_id"], first["message_thread_id"]) == ("-100123", 7)
    assert second == {**first, "chat_id": "-1001557912345"}


@pytest.mark.parametrize("body", ["{}", "[]", '{"parameters": null}', '{"parameters": {"migrate_to_chat_id": "x"}}'])
async def test_telegram_refuses_a_chat_for_another_reason(
    body: str, receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answer = says("400 Bad Request", body)
    shown, secret = read_config("telegram", set_up("telegram", receiver), ["127.0.0.1"])
    with pytest.raises(Rejected, match="400 Bad Request"):
        await send("telegram", shown, secret, message, settings)
    assert len(receiver.received) == 1


async def test_telegram(receiver: Receiver, message: Message, settings: Settings) -> None:
    path, payload = await sent("telegram", receiver, message, settings)
    assert path == f"/bot{TOKEN}/sendMessage"
    assert (payload["chat_id"], payload["parse_mode"], payload["disable_notification"]) == ("-100123", "HTML", False)
    title, body, link, origin = payload["text"].split("\n\n")
    assert title == "<b>Disk is full on db-1</b>"
    assert "&lt;!channel&gt; &lt;b&gt;bold&lt;/b&gt; &amp; @everyone" in body
    assert link == "https://desk.example/f/1?a=1&amp;b=2"
    assert origin == f"<i>{ORIGIN}</i>"


async def test_teams(receiver: Receiver, message: Message, settings: Settings) -> None:
    path, payload = await sent("teams", receiver, message, settings)
    assert path.endswith("/invoke?sig=sesame")
    assert payload["type"] == "message"
    [attachment] = payload["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    title, body, origin = card["body"]
    assert (title["text"], title["color"], origin["text"]) == ("Disk is full on db-1", "attention", ORIGIN)
    assert body["text"].startswith("At 98 %.\n\n<!channel>")
    assert body["text"].endswith(UNLINKED)
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": message.link}]


async def test_ntfy(receiver: Receiver, message: Message, settings: Settings) -> None:
    path, payload = await sent("ntfy", receiver, message, settings)
    assert path == "/"
    assert receiver.received[0].headers["authorization"] == "Bearer tk_sesame"
    assert payload == {
        "topic": "sesame_topic",
        "sequence_id": "note_1",
        "title": "Disk is full on db-1",
        "message": f"{message.body}\n\n{ORIGIN}",
        "priority": 5,
        "click": message.link,
    }


async def test_what_is_too_long_is_cut_to_the_services_limit_and_said_to_be(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    long = replace(message, title=LONG, body=LONG, bot=LONG)
    for channel in CHATS:
        receiver.received.clear()
        _, payload = await sent(channel, receiver, long, settings)
        assert "(cut; 80,000 characters in all)" in str(payload), channel
        assert within_limits(channel, payload), channel


def within_limits(channel: str, payload: Any) -> bool:
    """Whether the service would take a message as long as this."""
    if channel == "slack":
        header, body, _, context = payload["blocks"]
        texts = header["text"]["text"], body["text"]["text"], context["elements"][0]["text"]
        return all(len(text) <= most for text, most in zip(texts, (150, 3_000, 2_000), strict=True))
    if channel == "discord":
        [embed] = payload["embeds"]
        sizes = [in_utf16(text) for text in (embed["title"], embed["description"], embed["footer"]["text"])]
        return sizes[0] <= 256 and sizes[1] <= 4_096 and sizes[2] <= 2_048 and sum(sizes) <= 6_000
    if channel == "telegram":
        # Its limit is for the text as it is read, after the entities.
        return in_utf16(payload["text"].replace("&amp;", "&")) <= 4_096 + len("<b></b><i></i>")
    if channel == "teams":
        return in_utf8(json.dumps(payload, ensure_ascii=False)) <= 28_000
    return in_utf8(payload["message"]) <= 4_096 and in_utf8(payload["title"]) <= 250


@pytest.mark.parametrize("channel", CHATS)
async def test_a_message_of_a_title_alone_is_a_message(
    channel: str, receiver: Receiver, message: Message, settings: Settings
) -> None:
    bare = replace(message, body="", link="javascript:alert(1)", priority="low")
    _, payload = await sent(channel, receiver, bare, settings)
    assert "javascript" not in str(payload)
    assert "''" not in str(payload)
    assert "Disk is full on db-1" in str(payload)


@pytest.mark.parametrize("channel", CHATS)
async def test_a_message_without_a_title_has_its_kind_for_one(
    channel: str, receiver: Receiver, message: Message, settings: Settings
) -> None:
    _, payload = await sent(channel, receiver, replace(message, title=" "), settings)
    assert "run.finding" in str(payload)


@pytest.mark.parametrize("most", [40, 57, 100])
def test_a_cut_text_has_the_size_it_may_have(most: int) -> None:
    text = "🙂" * 200
    assert most - 4 <= in_utf8(cut(text, most, in_utf8)) <= most
    assert cut("short", 5) == "short"


RATING = "https://desk.example/ratings/log_1?token=a&b"
ESCAPED = "https://desk.example/ratings/log_1?token=a&amp;b"
SPELLED = f"\n\nWas it useful? {RATING}"


@pytest.mark.parametrize(
    ("channel", "place", "words"),
    [
        ("slack", lambda payload: payload["blocks"][3]["text"]["text"], f"<{ESCAPED}|Was it useful?>"),
        ("slack", lambda payload: payload["text"], f"|Open>\n<{ESCAPED}|Was it useful?>"),
        ("discord", lambda payload: payload["embeds"][0]["description"], SPELLED),
        ("telegram", lambda payload: payload["text"], f"\n\nWas it useful? {ESCAPED}\n\n<i>{ORIGIN}</i>"),
        ("teams", lambda payload: payload["attachments"][0]["content"]["actions"][1]["title"], "Was it useful?"),
        ("teams", lambda payload: payload["attachments"][0]["content"]["actions"][1]["url"], RATING),
        ("ntfy", lambda payload: payload["actions"][0]["label"], "Was it useful?"),
        ("ntfy", lambda payload: payload["actions"][0]["url"], RATING),
    ],
)
async def test_what_an_agent_did_can_be_rated(
    channel: str,
    place: Callable[[Any], str],
    words: str,
    receiver: Receiver,
    message: Message,
    settings: Settings,
) -> None:
    _, payload = await sent(channel, receiver, replace(message, rating_link=RATING), settings)
    assert place(payload).endswith(words)
