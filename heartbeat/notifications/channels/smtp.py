"""One mail handed to an SMTP server that anyone may have named.

aiosmtplib speaks over a connection that is made and judged before, and takes no reply above 32 KB. Time is bounded by
the caller: what is cancelled here leaves no connection behind.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field

import aiosmtplib

# What stands in for the sender's name in EHLO, so that this machine's own is not looked up or told.
LOCAL_HOSTNAME = "[127.0.0.1]"


@dataclass(frozen=True, repr=False)
class SmtpServer:
    """The server to speak to, and how. `security` is starttls, tls or none; certificates are those of `host`."""

    host: str
    security: str
    username: str | None
    password: str | None
    tls: ssl.SSLContext


@dataclass(frozen=True)
class Envelope:
    """One mail, from whom and to whom. `is_sent` is set once the server may have all of it."""

    sender: str
    recipient: str
    mail: bytes
    is_sent: asyncio.Event = field(default_factory=asyncio.Event)


async def submit(connection: socket.socket, server: SmtpServer, envelope: Envelope) -> None:
    """Hand one mail to the server that `connection` leads to, and close it. Raises `SMTPException` and `OSError`."""
    smtp = aiosmtplib.SMTP(
        sock=connection,
        hostname=server.host,
        local_hostname=LOCAL_HOSTNAME,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=server.tls,
        username=server.username,
        password=server.password,
        timeout=None,
    )
    try:
        await smtp.connect()
        await smtp.mail(envelope.sender)
        await smtp.rcpt(envelope.recipient)
        envelope.is_sent.set()
        await smtp.data(envelope.mail)
        # It has the mail: were its farewell waited for, one that does not come would send the mail again.
        with suppress(aiosmtplib.SMTPServerDisconnected):
            if smtp.protocol is not None:
                smtp.protocol.write(b"QUIT\r\n")
    finally:
        smtp.close()
        # At once: a connection over TLS would stay open until the server says farewell, or for half a minute.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
