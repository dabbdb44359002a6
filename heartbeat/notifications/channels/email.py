"""E-mail, by an SMTP server of the owner's: plain text, and the same as simple HTML."""

import asyncio
import re
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from heartbeat.egress import client
from heartbeat.egress.addresses import is_name, read_host
from heartbeat.notifications.channels import addresses
from heartbeat.notifications.channels.message import Message, NotNow, Rejected
from heartbeat.notifications.channels.smtp import SmtpConversation, SmtpServer
from heartbeat.notifications.channels.texts import cut, one_line
from heartbeat.settings import Settings

# By the message's id, which is in the Message-ID.
KNOWS_REPETITIONS = True
SECONDS = 20.0
SUBJECT, BODY = 200, 50_000
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
IMPORTANCE = {"low": "low", "normal": "normal", "urgent": "high"}


def _mailbox(given: str) -> str:
    name, at, host = given.rpartition("@")
    is_plain = at and len(given) <= 254 and re.fullmatch(rf"{ATOM}(\.{ATOM})*", name) and is_name(host.lower())
    if not is_plain:
        raise ValueError("must be one plain address such as ada@example.com; make a target for each person")
    return given


def _password(given: SecretStr) -> SecretStr:
    # Encodings of anything else differ from server to server.
    if not re.fullmatch(r"[ -~]{1,200}", given.get_secret_value()):
        raise ValueError("must be 1 to 200 ASCII characters")
    return given


def _host(given: str) -> str:
    read_host(given)
    return given


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Config(addresses.Config):
    host: Annotated[str, AfterValidator(_host)]
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Field(pattern=r"^[ -~]{1,200}$")] | None = None
    password: Annotated[SecretStr, AfterValidator(_password)] | None = None
    sender: Mailbox
    to: Mailbox

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; give both or neither")
        if self.password and self.security == "none":
            raise ValueError("a password is sent over TLS alone; set security to starttls or tls")
        return self


async def send(config: Config, message: Message, settings: Settings, tls: ssl.SSLContext | None = None) -> None:
    """One attempt. `tls` is the system's trust unless another is given."""
    password = config.password.get_secret_value() if config.password else ""
    trust = await asyncio.to_thread(client.system_tls) if tls is None else tls
    plan = SmtpServer(config.host, config.port, config.security, config.username, password, trust)
    try:
        async with asyncio.timeout(SECONDS):
            found = await client.Guard(settings.egress_allow).check(config.host, config.port)
            await SmtpConversation(plan, [str(address) for address in found], SECONDS).carry(_mail(config, message))
    except client.Closed as problem:
        raise Rejected(str(problem)) from None
    except client.Refused as problem:
        raise NotNow(str(problem)) from None
    except TimeoutError:
        raise NotNow(f"{config.host}:{config.port} did not take the message within {SECONDS:g} s.") from None
    except (smtplib.SMTPException, OSError) as problem:
        raise _outcome(f"{config.host}:{config.port}", problem) from None


def _outcome(place: str, problem: Exception) -> Rejected | NotNow:
    """5xx is for good, and so is a server that cannot do what the target asks for; all else may pass."""
    code: int
    said: bytes | str
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        [(code, said)] = problem.recipients.values()
    elif isinstance(problem, smtplib.SMTPResponseException):
        code, said = problem.smtp_code, problem.smtp_error
    elif isinstance(problem, smtplib.SMTPNotSupportedError):
        return Rejected(f"{place} cannot do what the target asks for: {one_line(str(problem))[:200]}")
    else:
        return NotNow(f"{place} could not be spoken to: {one_line(str(problem))[:200] or type(problem).__name__}")
    words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    answer = f"{place} answered {code}: {one_line(words)[:200]}"
    return Rejected(answer) if 500 <= code < 600 else NotNow(answer)


def _mail(config: Config, message: Message) -> EmailMessage:
    """The mail; its Message-ID is the message's id, so that one that came twice is shown once."""
    mail = EmailMessage(SMTP.clone(cte_type="7bit"))
    mail["Subject"] = cut(one_line(message.title), SUBJECT)
    mail["From"] = Address("Heartbeat", addr_spec=config.sender)
    mail["To"] = Address(addr_spec=config.to)
    mail["Date"] = message.at
    mail["Message-ID"] = f"<{message.uuid}@{config.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Importance"] = IMPORTANCE[message.priority]
    body = cut(message.body, BODY)
    parts = [body, message.link or "", one_line(message.origin)]
    mail.set_content("\n\n".join(part for part in parts if part.strip()) + "\n")
    mail.add_alternative(_html(message, body), subtype="html")
    return mail


def _html(message: Message, body: str) -> str:
    link = f'<p><a href="{escape(message.link)}">{escape(message.link)}</a></p>' if message.link else ""
    return (
        f"<!doctype html><html><body><h3>{escape(message.title)}</h3>"
        f'<p style="white-space: pre-wrap">{escape(body)}</p>{link}'
        f'<p style="color: #6b7280">{escape(message.origin)}</p></body></html>\n'
    )
