"""What a target may be set up with: what is kept secret, and what is refused, in words."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from heartbeat.domain.errors import Invalid, InvalidMany
from heartbeat.notifications.channels.registry import CHANNELS, change_config, read_config
from tests.support.channel_configs import TOKEN

DOCS = Path(__file__).parents[3] / "docs" / "notifications.md"
MAIL = {"host": "mail.example.com", "sender": "hb@a.example", "to": "b@c.example"}
WHOLE: dict[str, tuple[dict[str, Any], set[str]]] = {
    "webhook": ({"url": "https://desk.example/hook"}, {"secret"}),
    "email": ({**MAIL, "username": "ada", "password": "sesame"}, {"password"}),
    "slack": ({"url": "https://hooks.slack.com/services/T1/B1/x"}, {"url"}),
    "discord": ({"url": "https://discord.com/api/webhooks/1/x"}, {"url"}),
    "telegram": ({"token": TOKEN, "chat_id": "@watch"}, {"token"}),
    "teams": ({"url": "https://prod-1.westeurope.logic.azure.com:443/workflows/1?sig=x"}, {"url"}),
    "ntfy": ({"topic": "disks", "token": "tk_1"}, {"topic", "token"}),
    "apprise": ({"name": "ops"}, set()),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_secrets_are_told_apart_from_what_is_shown(channel: str) -> None:
    fields, expected = WHOLE[channel]
    shown, secret = read_config(channel, fields)
    assert set(secret) == expected
    assert not set(shown) & expected
    assert all(isinstance(value, str) and value for value in secret.values())
    assert read_config(channel, {**shown, **secret}) == (shown, secret)


def test_every_webhook_gets_a_secret_of_its_own() -> None:
    first, second = (read_config("webhook", {"url": "https://a.example", "secret": None})[1]["secret"] for _ in "12")
    assert first != second
    assert first.startswith("whsec_")


BAD = [
    ("webhook", {"url": "hooks.example"}, "config.url", "is no web address"),
    ("webhook", {"url": "ftp://a.example/"}, "config.url", "must be an https address"),
    ("webhook", {"url": "http://a.example/"}, "config.url", "must begin with https://"),
    ("webhook", {"url": "https://sesame:x@a.example/"}, "config.url", "must not carry a user"),
    ("webhook", {"url": "https://a.example/a b"}, "config.url", "without spaces"),
    ("webhook", {"url": "https://a.example", "secret": "sesame"}, "config.secret", "must be whsec_"),
    ("webhook", {"url": "https://a.example", "secret": "whsec_c2VzYW1l"}, "config.secret", "24 to 64 random bytes"),
    ("webhook", {"url": "https://a.example", "method": "PUT"}, "config.method", "not permitted"),
    ("slack", {}, "config.url", "required"),
    (
        "slack",
        {"url": "https://hooks.slack.com.evil.example/sesame"},
        "config.url",
        "https://hooks.slack.com/services/",
    ),
    ("slack", {"url": "http://hooks.slack.com/services/sesame"}, "config.url", "must begin with https://"),
    ("discord", {"url": "https://evildiscord.com/sesame"}, "config.url", "https://discord.com/api/webhooks/"),
    ("teams", {"url": "https://logic.azure.com.evil.example/sesame"}, "config.url", "powerplatform.com"),
    ("telegram", {"token": "sesame", "chat_id": "1"}, "config.token", "BotFather"),
    ("telegram", {"token": f"{TOKEN}/../sesame", "chat_id": "1"}, "config.token", "BotFather"),
    ("telegram", {"token": TOKEN, "chat_id": "my chat"}, "config.chat_id", "the chat's number, such as -100"),
    ("telegram", {"token": TOKEN, "chat_id": True}, "config.chat_id", "valid string"),
    ("telegram", {"token": TOKEN, "chat_id": "1", "message_thread_id": 0}, "config.message_thread_id", "equal to 1"),
    ("ntfy", {"topic": "a/sesame"}, "config.topic", "1 to 64"),
    ("ntfy", {"topic": "disks", "token": "sesame\r\nX: y"}, "config.token", "access token"),
    ("apprise", {"name": "json://sesame.example"}, "config.name", "pattern"),
    ("apprise", {"name": "ops", "url": "json://sesame.example"}, "config.url", "not permitted"),
    ("email", {**MAIL, "to": "a@b.example, sesame@d.example"}, "config.to", "one plain address"),
    ("email", {**MAIL, "to": "a@b.example\r\nBcc: sesame@d.example"}, "config.to", "one plain address"),
    ("email", {**MAIL, "to": "a..sesame@b.example"}, "config.to", "one plain address"),
    ("email", {**MAIL, "sender": "Sesame <a@b.example>"}, "config.sender", "one plain address"),
    ("email", {**MAIL, "host": "a b"}, "config.host", "neither a host name nor an address"),
    ("email", {**MAIL, "username": "ada"}, "config", "go together"),
    ("email", {**MAIL, "username": "ada", "password": "sesamé"}, "config.password", "ASCII"),
    ("email", {**MAIL, "username": "a", "password": "sesame", "security": "none"}, "config", "over TLS alone"),
]


@pytest.mark.parametrize(("channel", "fields", "field", "words"), BAD)
def test_what_is_wrong_is_said_in_words_without_its_value(
    channel: str, fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidMany) as refused:
        read_config(channel, fields)
    [detail] = refused.value.details
    assert detail.field == field
    assert words in detail.message
    assert "sesame" not in detail.message
    assert "Value error" not in str(refused.value)


def test_a_host_that_the_operator_lists_may_stand_in_for_a_service() -> None:
    for url in ("http://chat.internal/hooks/1", "http://10.1.2.3:8065/hooks/1"):
        assert read_config("slack", {"url": url}, ["chat.internal", "10.0.0.0/8"])[1] == {"url": url}
        with pytest.raises(InvalidMany):
            read_config("slack", {"url": url}, ["other.internal", "10.2.0.0/16"])


@pytest.mark.parametrize(
    ("channel", "place", "name"),
    [
        ("email", {"host": "mail.evil.example"}, "password"),
        ("telegram", {"api_url": "https://evil.example"}, "token"),
        ("ntfy", {"server": "https://evil.example"}, "topic"),
    ],
)
def test_a_secret_is_not_sent_where_it_was_not_given_for(channel: str, place: dict[str, str], name: str) -> None:
    whole = WHOLE[channel][0]
    shown, secret = read_config(channel, whole)
    with pytest.raises(Invalid, match=rf"config\.{name}: must be given again with another {next(iter(place))}"):
        change_config(channel, shown, secret, place)
    assert change_config(channel, shown, secret, {**place, **secret})[0] == {**shown, **place}


def test_a_field_is_changed_and_another_forgotten() -> None:
    shown, secret = read_config("ntfy", {"topic": "disks", "token": "tk_1"})
    assert change_config("ntfy", shown, secret, {"topic": "doors"})[1] == {"topic": "doors", "token": "tk_1"}
    assert change_config("ntfy", shown, secret, {"token": None}) == (shown, {"topic": "disks"})
    hook, signing = read_config("webhook", {"url": "https://a.example"})
    assert change_config("webhook", hook, signing, {"url": "https://b.example"}) == (
        {"url": "https://b.example"},
        signing,
    )


def test_a_blank_field_is_left_out() -> None:
    shown, secret = read_config("ntfy", {"topic": "disks", "token": "", "server": " "})
    assert (shown, secret) == ({"server": "https://ntfy.sh"}, {"topic": "disks"})
    assert read_config("webhook", {"url": "https://a.example", "secret": ""})[1]["secret"].startswith("whsec_")
    secrets = {"topic": "disks", "token": "tk_1"}
    assert change_config("ntfy", shown, secrets, {"topic": "doors", "token": ""})[1] == {
        "topic": "doors",
        "token": "tk_1",
    }


@pytest.mark.parametrize(
    ("chat_id", "text"),
    [(-1001234567890, "-1001234567890"), (7.0, "7"), (" -100123 ", "-100123"), ("@MyChannel", "@MyChannel")],
)
def test_a_chat_is_named_as_telegram_itself_takes_it(chat_id: object, text: str) -> None:
    fields = {"token": TOKEN, "chat_id": chat_id, "message_thread_id": "12"}
    shown = read_config("telegram", fields)[0]
    assert (shown["chat_id"], shown["message_thread_id"]) == (text, 12)


def test_an_unknown_channel_is_refused_with_those_there_are() -> None:
    with pytest.raises(Invalid, match="must be one of webhook, email, slack"):
        read_config("pager", {})


def test_the_documents_name_each_channels_fields_and_their_secrets() -> None:
    rows = [line.split("|") for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    documented = {row[1].strip().strip("`"): row[2] for row in rows}
    for name_of_channel, channel in CHANNELS.items():
        for name, info in channel.config.model_fields.items():
            is_secret = "SecretStr" in str(info.annotation) or info.annotation is SecretStr
            assert (f"`{name}`" + (" (secret)" if is_secret else "")) in documented[name_of_channel], name
            assert is_secret or f"`{name}` (secret)" not in documented[name_of_channel]
