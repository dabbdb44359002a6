"""E-mail, at a real SMTP server on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Literal, Self

import pytest

from heartbeat.notifications.channels import email
from heartbeat.notifications.channels.message import Message, NotNow, Rejected, Unconfirmed, Undelivered
from heartbeat.notifications.channels.registry import read_config, send
from heartbeat.settings import Settings
from tests.support.certificates import authority_and_server
from tests.support.mailbox import Mailbox, served

ADA = {"username": "ada", "password": "sesame"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The TLS of a server called localhost, and that of a client that trusts it."""
    authority, server = authority_and_server("localhost", tmp_path_factory.mktemp("tls"))
    return server, ssl.create_default_context(cafile=str(authority))


@pytest.fixture
async def starttls(certificates: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    async with served(mailbox, certificates[0], None):
        yield mailbox


@pytest.fixture
async def plain() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    async with served(mailbox, None, None):
        yield mailbox


def config(port: int, **changes: Any) -> email.Config:
    fields = {"host": "localhost", "port": port, "sender": "hb@watch.example", "to": "ada@example.com", **changes}
    return email.Config.model_validate(fields)


async def failure(config: email.Config, message: Message, settings: Settings, tls: Any = None) -> Undelivered:
    with pytest.raises(Undelivered) as failed:
        await email.EmailChannel(tls).send(config, message, settings)
    assert "sesame" not in str(failed.value)
    return failed.value


async def test_a_mail_over_starttls_with_a_login(
    starttls: Mailbox, message: Message, settings: Settings, certificates: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    await email.EmailChannel(certificates[1]).send(config(starttls.port, **ADA), message, settings)
    [mail], [envelope] = starttls.mails, starttls.envelopes
    assert (starttls.over_tls, starttls.logins) == ([True], [True])
    assert (envelope.mail_from, envelope.rcpt_tos) == ("hb@watch.example", ["ada@example.com"])
    assert mail["Subject"] == "Disk is full on db-1"
    assert mail["From"] == "Heartbeat <hb@watch.example>"
    assert mail["Message-ID"] == "<note_1@watch.example>"
    assert mail["Date"] == "Sun, 22 Nov 2026 17:30:00 +0000"
    assert (mail["Importance"], mail["Auto-Submitted"]) == ("high", "auto-generated")
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().startswith("At 98 %.\r\n<!channel> <b>bold</b> & @everyone")
    assert str(message.link) in text.get_content()
    assert "Watcher · Disks · 2026-11-22 17:30 UTC" in text.get_content()
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; @everyone" in html.get_content()
    assert '<a href="https://desk.example/f/1?a=1&amp;b=2">' in html.get_content()


async def test_tls_from_the_first_byte(
    message: Message, settings: Settings, certificates: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    mailbox = Mailbox()
    async with served(mailbox, None, certificates[0]):
        await email.EmailChannel(certificates[1]).send(config(mailbox.port, security="tls"), message, settings)
    assert len(mailbox.mails) == 1


async def test_in_the_open_through_the_registry(plain: Mailbox, message: Message, settings: Settings) -> None:
    fields = {
        "host": "127.0.0.1",
        "port": plain.port,
        "security": "none",
        "sender": "hb@a.example",
        "to": "b@c.example",
    }
    shown, secret = read_config("email", fields)
    assert (shown["to"], secret) == ("b@c.example", {})
    await send("email", shown, secret, message, settings)
    assert [mail["To"] for mail in plain.mails] == ["b@c.example"]


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    starttls: Mailbox, message: Message, settings: Settings
) -> None:
    problem = await failure(config(starttls.port, **ADA), message, settings)
    assert isinstance(problem, NotNow)
    assert "CERTIFICATE_VERIFY_FAILED" in str(problem)
    assert (starttls.logins, starttls.mails) == ([], [])


async def test_a_password_that_is_wrong_is_not_tried_again(
    starttls: Mailbox, message: Message, settings: Settings, certificates: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    wrong = config(starttls.port, username="ada", password="sesame2")
    problem = await failure(wrong, message, settings, certificates[1])
    assert isinstance(problem, Rejected)
    assert "answered 535" in str(problem)
    assert starttls.mails == []


async def test_a_server_without_starttls_is_not_spoken_to_in_the_open(
    plain: Mailbox, message: Message, settings: Settings
) -> None:
    problem = await failure(config(plain.port, **ADA), message, settings)
    assert isinstance(problem, Rejected)
    assert "STARTTLS" in str(problem)
    assert (plain.logins, plain.mails) == ([], [])


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
@pytest.mark.parametrize(("code", "kind"), [(550, Rejected), (451, NotNow)])
async def test_a_refusal_is_for_good_or_for_now(
    command: str, code: int, kind: type[Undelivered], plain: Mailbox, message: Message, settings: Settings
) -> None:
    plain.refusals[command] = f"{code} No such user"
    problem = await failure(config(plain.port, security="none"), message, settings)
    assert type(problem) is kind
    assert str(problem) == f"localhost:{plain.port} answered {code}: No such user"


@pytest.mark.parametrize("after_data", ["is silent", "drops"])
async def test_a_mail_that_is_not_answered_may_have_arrived(
    after_data: Literal["is silent", "drops"],
    plain: Mailbox,
    message: Message,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if after_data == "is silent":
        # Long enough for a slow machine to say all of it, which is not what the time-out may cut off.
        monkeypatch.setattr(email, "SECONDS", 3.0)
    plain.after_data = after_data
    problem = await failure(config(plain.port, security="none"), message, settings)
    assert type(problem) is Unconfirmed
    assert str(problem).endswith("; the message may have arrived.")
    assert len(plain.mails) == 1


async def test_a_mail_that_was_taken_is_delivered_whatever_follows(
    plain: Mailbox, message: Message, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email, "SECONDS", 1.0)
    plain.refusals["QUIT"] = "30"
    await email.EmailChannel().send(config(plain.port, security="none"), message, settings)
    assert len(plain.mails) == 1


async def test_a_closed_address_is_refused(plain: Mailbox, message: Message) -> None:
    problem = await failure(config(plain.port, security="none"), message, Settings(_env_file=None))
    assert isinstance(problem, Rejected)
    assert "leads to a loopback address" in str(problem)


class Talker:
    """A server with one reply at once and one for each line that it reads, then with `rest` without an end."""

    def __init__(self, *replies: bytes, rest: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self._replies, self._rest, self._tls = replies, rest, tls
        self.left = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            for reply in self._replies:
                writer.write(reply)
                await reader.readline()
            while self._rest:
                writer.write(self._rest)
                await writer.drain()
            await reader.read()
        self.left.set()
        writer.close()


@pytest.mark.parametrize("security", ["none", "tls", "starttls"])
async def test_silence_ends_and_leaves_no_connection_behind(
    security: str, message: Message, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email, "SECONDS", 0.3)
    # Where STARTTLS was granted, it is the handshake that nobody answers.
    replies = (b"220 hello\r\n", b"250-mail.test\r\n250 STARTTLS\r\n", b"220 go\r\n")
    async with Talker(*replies if security == "starttls" else ()) as server:
        problem = await failure(config(server.port, security=security), message, settings)
        assert isinstance(problem, NotNow)
        assert "did not take the message within" in str(problem)
        await server.left.wait()


async def test_a_server_without_a_login_is_not_tried_again(
    message: Message, settings: Settings, certificates: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with Talker(b"220 hello\r\n", b"250-mail.test\r\n250 SIZE\r\n", tls=certificates[0]) as server:
        problem = await failure(config(server.port, security="tls", **ADA), message, settings, certificates[1])
    assert isinstance(problem, Rejected)
    assert "cannot do what the target asks for: The SMTP AUTH extension" in str(problem)


async def test_a_server_that_never_stops_talking_is_left(message: Message, settings: Settings) -> None:
    async with Talker(b"220 hello\r\n", rest=b"250-and another thing\r\n" * 100) as server:
        problem = await failure(config(server.port, security="none"), message, settings)
    assert isinstance(problem, NotNow)
    assert "too long" in str(problem)


async def test_a_server_of_something_else(message: Message, settings: Settings) -> None:
    async with Talker(b"HTTP/1.1 400 Bad Request\r\n") as server:
        assert isinstance(await failure(config(server.port, security="none"), message, settings), NotNow)


async def test_nobody_there(message: Message, settings: Settings) -> None:
    async with Talker() as server:
        port = server.port
    assert isinstance(await failure(config(port), message, settings), NotNow)
