"""A real SMTP server on loopback that keeps its mail, and refuses what it is told to refuse."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """`refusals` are answers by command (RCPT, DATA), and seconds before QUIT is answered. The login is ada, sesame.

    Once it has a mail, it says nothing `after_data`, or drops the connection.
    """

    refusals: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[bool] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    port: int = 0
    after_data: Literal["answers", "is silent", "drops"] = "answers"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.refusals:
            return self.refusals["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.envelopes.append(envelope)
        self.over_tls.append(session.ssl is not None)
        if self.after_data == "is silent":
            await asyncio.Event().wait()
        if self.after_data == "drops":
            server.transport.abort()
        return "250 queued"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(float(self.refusals.get("QUIT", 0)))
        return "221 Bye"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, kind: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append((login.login, login.password) == (b"ada", b"sesame"))
        return AuthResult(success=self.logins[-1], handled=False)


@asynccontextmanager
async def served(mailbox: Mailbox, starttls: ssl.SSLContext | None, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """`mailbox` at a port of loopback: with STARTTLS, in TLS from the first byte, or in the open."""
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            mailbox, hostname="mail.test", tls_context=starttls, authenticator=mailbox.authenticate,
            auth_require_tls=starttls is not None, loop=loop, timeout=30,
        )  # fmt: skip

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
