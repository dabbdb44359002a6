"""E-mail, by an SMTP server of the owner's: plain text, and the same as simple HTML."""

import asyncio
import re
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import Annotated, Literal, Self

from aiosmtplib import SMTPException, SMTPResponseException
from pydantic import AfterValidator, Field, SecretStr, model_validator

from heartbeat.egress.addresses import is_name, read_host
from heartbeat.egress.client import Closed, Guard, Refused, system_tls
from heartbeat.notifications.channels.channel import Channel, ChannelConfig
from heartbeat.notifications.channels.fields import matching
from heartbeat.notifications.channels.message import RATE, Message, NotNow, Rejected, Unconfirmed
from heartbeat.notifications.channels.post import MAY_HAVE_ARRIVED
from heartbeat.notifications.channels.smtp import Envelope, SmtpServer, submit
from heartbeat.notifications.channels.texts import cut, one_line
from heartbeat.settings import Settings

SECONDS = 20.0
MAX_SUBJECT, MAX_BODY = 200, 50_000
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
IMPORTANCE = {"low": "low", "normal": "normal", "urgent": "high"}


def _mailbox(address: str) -> str:
    name, at, host = address.rpartition("@")
    is_plain = at and len(address) <= 254 and re.fullmatch(rf"{ATOM}(\.{ATOM})*", name) and is_name(host.lower())
    if not is_plain:
        raise ValueError("must be one plain address such as ada@example.com; make a target for each person")
    return address


def _host(host: str) -> str:
    read_host(host)
    return host


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Config(ChannelConfig):
    host: Annotated[str, AfterValidator(_host)]
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Field(pattern=r"^[ -~]{1,200}$")] | None = None
    # Encodings of anything else differ from server to server.
    password: Annotated[SecretStr, matching(r"[ -~]{1,200}", "must be 1 to 200 ASCII characters")] | None = None
    sender: Mailbox
    to: Mailbox

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; give both or neither")
        if self.password and self.security == "none":
            raise ValueError("a password is sent over TLS alone; set security to starttls or tls")
        return self


class EmailChannel(Channel[Config]):
    config = Config
    # By the message's id, which is in the Message-ID.
    knows_repetitions = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """`tls` is the system's trust unless another is given."""
        self._tls = tls

    async def send(self, config: Config, message: Message, settings: Settings) -> None:
        place = f"{config.host}:{config.port}"
        password = config.password.get_secret_value() if config.password else None
        tls = await asyncio.to_thread(system_tls) if self._tls is None else self._tls
        server = SmtpServer(config.host, config.security, config.username, password, tls)
        envelope = Envelope(config.sender, config.to, _mail(config, message).as_bytes())
        try:
            async with asyncio.timeout(SECONDS):
                connection = await Guard(settings.egress_allow).connect(config.host, config.port)
                await submit(connection, server, envelope)
        except Closed as problem:
            raise Rejected(str(problem)) from None
        except Refused as problem:
            raise NotNow(str(problem)) from None
        except TimeoutError:
            raise _lost(f"{place} did not take the message within {SECONDS:g} s", envelope) from None
        except (SMTPException, OSError) as problem:
            raise _outcome(place, problem, envelope) from None


def _lost(words: str, envelope: Envelope) -> NotNow:
    """The failure of a mail that has no answer."""
    return Unconfirmed(f"{words}; {MAY_HAVE_ARRIVED}.") if envelope.is_sent.is_set() else NotNow(f"{words}.")


def _outcome(place: str, problem: Exception, envelope: Envelope) -> Rejected | NotNow:
    """5xx is for good, and so is a server that cannot do what the target asks for; all else may pass."""
    if isinstance(problem, SMTPResponseException):
        # A reply that is none at all has the code -1.
        answer = f"{place} answered {problem.code}: {_short(problem.message)}"
        if problem.code < 0:
            return _lost(f"{place} could not be spoken to: {_short(problem.message)}", envelope)
        return Rejected(answer) if 500 <= problem.code < 600 else NotNow(answer)
    # The library's base class itself says that the server has no STARTTLS, or no login that both know.
    if type(problem) is SMTPException:
        return Rejected(f"{place} cannot do what the target asks for: {_short(problem.message)}")
    cause = problem.__cause__ or problem
    return _lost(f"{place} could not be spoken to: {_short(str(cause)) or type(cause).__name__}", envelope)


def _short(words: str) -> str:
    return one_line(words)[:200]


def _mail(config: Config, message: Message) -> EmailMessage:
    """The mail; its Message-ID is the message's id, so that one that came twice is shown once."""
    mail = EmailMessage(SMTP.clone(cte_type="7bit"))
    mail["Subject"] = cut(one_line(message.title), MAX_SUBJECT)
    mail["From"] = Address("Heartbeat", addr_spec=config.sender)
    mail["To"] = Address(addr_spec=config.to)
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{message.uuid}@{config.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Importance"] = IMPORTANCE[message.priority]
    body = cut(message.body, MAX_BODY)
    parts = [body, *message.spelled_links, one_line(message.origin)]
    mail.set_content("\n\n".join(part for part in parts if part.strip()) + "\n")
    mail.add_alternative(_html(message, body), subtype="html")
    return mail


def _html(message: Message, body: str) -> str:
    links = "".join(
        f'<p><a href="{escape(address)}">{escape(label if label == RATE else address)}</a></p>'
        for label, address in message.links
    )
    return (
        f"<!doctype html><html><body><h3>{escape(message.title)}</h3>"
        f'<p style="white-space: pre-wrap">{escape(body)}</p>{links}'
        f'<p style="color: #6b7280">{escape(message.origin)}</p></body></html>\n'
    )
