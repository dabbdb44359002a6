"""What an answer, or none, means for a message; and what is never said of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product

import pytest

from heartbeat.notifications.channels import post
from heartbeat.notifications.channels.message import Gone, Message, NotNow, Rejected, Unconfirmed, Undelivered
from heartbeat.notifications.channels.registry import read_config, send
from heartbeat.settings import Settings
from tests.support.channel_configs import TOKEN, set_up
from tests.support.receiver import Receiver, says
from tests.support.rows import every_row

HTTP_CHANNELS = ["webhook", "slack", "discord", "telegram", "teams", "ntfy"]
SECRETS = ("sesame", TOKEN, "tk_sesame", "whsec_")


async def outcome(channel: str, receiver: Receiver, message: Message, settings: Settings) -> Undelivered:
    """How sending fails; what it says holds no secret."""
    shown, secret = read_config(channel, set_up(channel, receiver), ["127.0.0.1"])
    with pytest.raises(Undelivered) as failed:
        await send(channel, shown, secret, message, settings)
    assert not [value for value in SECRETS if value in str(failed.value)]
    return failed.value


async def test_2xx_is_delivered_whatever_the_body_is(receiver: Receiver, message: Message, settings: Settings) -> None:
    with every_row() as row:
        for channel, status in product(HTTP_CHANNELS, DELIVERED):
            receiver.received.clear()
            with row(channel, status):
                receiver.answer = f"HTTP/1.1 {status}\r\nContent-Length: 9999999\r\n\r\n".encode() + b"x" * 50_000
                shown, secret = read_config(channel, set_up(channel, receiver), settings.egress_allow)
                await send(channel, shown, secret, message, settings)
                assert len(receiver.received) == 1


DELIVERED = ["200 OK", "202 Accepted", "204 No Content"]
STATUSES = [
    ("302 Found", NotNow),
    ("304 Not Modified", NotNow),
    ("400 Bad Request", Rejected),
    ("403 Forbidden", Rejected),
    ("404 Not Found", Rejected),
    ("408 Request Timeout", NotNow),
    ("410 Gone", Gone),
    ("425 Too Early", NotNow),
    ("429 Too Many Requests", NotNow),
    ("500 Internal Server Error", NotNow),
    ("502 Bad Gateway", Unconfirmed),
    ("503 Service Unavailable", NotNow),
    ("504 Gateway Timeout", Unconfirmed),
    ("524 A Timeout Occurred", Unconfirmed),
]


async def test_a_status_says_whether_to_try_again(receiver: Receiver, message: Message, settings: Settings) -> None:
    with every_row() as row:
        for channel, (status, kind) in product(HTTP_CHANNELS, STATUSES):
            receiver.received.clear()
            with row(channel, status):
                receiver.answer = says(status, location=f"{receiver.url}/elsewhere")
                problem = await outcome(channel, receiver, message, settings)
                assert type(problem) is kind
                assert f"http://127.0.0.1/… answered {status}" in str(problem)
                assert len(receiver.received) == 1


async def test_what_the_service_says_is_told_on_one_line_and_cut(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answer = says("404 Not Found", "no_service\r\n\x00" + "x" * 10_000)
    problem = await outcome("slack", receiver, message, settings)
    assert "404 Not Found: no_service xxx" in str(problem)
    assert len(str(problem)) < 300


async def test_secrets_that_the_service_repeats_are_masked(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answer = says("401 Unauthorized", f"bot{TOKEN} is unknown")
    assert "bot… is unknown" in str(await outcome("telegram", receiver, message, settings))


async def test_the_part_of_an_address_that_makes_it_a_secret_is_masked_alone(
    receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answer = says("404 Not Found", "no hook /services/T1/B1/abcdefghijklmnop here")
    shown, secret = read_config("slack", {"url": f"{receiver.url}/services/T1/B1/abcdefghijklmnop"}, ["127.0.0.1"])
    with pytest.raises(Rejected, match="no hook /services/T1/B1/… here"):
        await send("slack", shown, secret, message, settings)


@pytest.mark.parametrize("body", ["x" * 20_000, "x" * 2_000_000])
async def test_an_endless_complaint_is_not_read(
    body: str, receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answer = says("500 Internal Server Error", body)
    assert str(await outcome("webhook", receiver, message, settings)).endswith("500 Internal Server Error")


def in_a_minute() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "body", "least", "most"),
    [
        ({"retry_after": "30"}, "", 30, 30),
        ({"retry_after": in_a_minute()}, "", 0, 60),
        ({"retry_after": "Sun, 22 Nov 2020 17:30:00 GMT"}, "", 0, 0),
        ({"retry_after": "99999999"}, "", 86_400, 86_400),
        ({}, '{"message": "You are being rate limited.", "retry_after": 0.75}', 0.75, 0.75),
        ({}, '{"ok": false, "error_code": 429, "parameters": {"retry_after": 12}}', 12, 12),
    ],
)
async def test_a_wait_that_was_asked_for_is_kept(
    headers: dict[str, str],
    body: str,
    least: float,
    most: float,
    receiver: Receiver,
    message: Message,
    settings: Settings,
) -> None:
    receiver.answer = says("429 Too Many Requests", body, **headers)
    problem = await outcome("discord", receiver, message, settings)
    assert isinstance(problem, NotNow)
    assert problem.retry_after is not None
    assert least <= problem.retry_after <= most


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, "slow down"),
        ({"retry_after": "soon"}, ""),
        ({"retry_after": "Fri, 01 Jan 99999999999 00:00:00 GMT"}, ""),
        ({}, "[1]"),
        ({}, '{"retry_after": "x"}'),
    ],
)
async def test_a_wait_that_cannot_be_read_is_none(
    headers: dict[str, str], body: str, receiver: Receiver, message: Message, settings: Settings
) -> None:
    receiver.answer = says("429 Too Many Requests", body, **headers)
    problem = await outcome("discord", receiver, message, settings)
    assert isinstance(problem, NotNow)
    assert problem.retry_after is None


@pytest.mark.parametrize("channel", HTTP_CHANNELS)
async def test_silence_ends(
    channel: str, receiver: Receiver, message: Message, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.2)
    receiver.answer = None
    problem = await outcome(channel, receiver, message, settings)
    assert type(problem) is Unconfirmed
    assert "did not answer within 0.2 s; the message may have arrived." in str(problem)


async def test_a_gateway_may_ask_for_patience(receiver: Receiver, message: Message, settings: Settings) -> None:
    receiver.answer = says("504 Gateway Timeout", retry_after="30")
    problem = await outcome("slack", receiver, message, settings)
    assert isinstance(problem, Unconfirmed)
    assert problem.retry_after == 30


@pytest.mark.parametrize("channel", HTTP_CHANNELS)
async def test_nobody_there(channel: str, message: Message, settings: Settings) -> None:
    async with Receiver() as receiver:
        pass
    problem = await outcome(channel, receiver, message, settings)
    assert type(problem) is NotNow
    assert "may have arrived" not in str(problem)


async def test_a_connection_that_is_never_made_safe_has_carried_nothing(message: Message, settings: Settings) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotNow) as failed:
            await send("slack", {}, {"url": f"https://127.0.0.1:{port}/services/1"}, message, settings)
    assert type(failed.value) is NotNow


@pytest.mark.parametrize("answer", [b"SMTP?\r\n", b""])
async def test_a_broken_answer(answer: bytes, receiver: Receiver, message: Message, settings: Settings) -> None:
    receiver.answer = answer
    assert type(await outcome("webhook", receiver, message, settings)) is Unconfirmed


@pytest.mark.parametrize("channel", HTTP_CHANNELS)
async def test_an_address_that_is_closed_is_never_spoken_to(channel: str, receiver: Receiver, message: Message) -> None:
    closed = Settings(_env_file=None, egress_allow=[])
    assert isinstance(await outcome(channel, receiver, message, closed), Rejected)
    assert receiver.connections == 0


async def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(
    receiver: Receiver, message: Message
) -> None:
    shown, secret = read_config("webhook", {"url": f"https://localhost:{receiver.port}/"})
    with pytest.raises(Rejected, match="localhost leads to a loopback address"):
        await send("webhook", shown, secret, message, Settings(_env_file=None))
    assert receiver.connections == 0
