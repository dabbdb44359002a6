"""One conversation with an SMTP server that anyone may have named: bounded in time and in what it may say.

`smtplib` blocks, so it has a thread of its own; closing its socket from outside ends it.
"""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

MOST_SAID = 65_536


@dataclass(frozen=True, repr=False)
class SmtpServer:
    """Whom to speak to, and how. `security` is starttls, tls or none."""

    host: str
    port: int
    security: str
    username: str | None
    password: str
    tls: ssl.SSLContext


class _BoundedReplies:
    """The server's lines, until there are too many of them."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines
        self._left = MOST_SAID

    def readline(self, most: int) -> bytes:
        line: bytes = self._lines.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("The server says too much.")
        return line

    def close(self) -> None:
        self._lines.close()


class _Client(smtplib.SMTP):
    """Speaks over a connection that was made for it; certificates are those of the host's name."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        super().__init__(local_hostname="[127.0.0.1]")
        self.sock = connection
        self._host = host

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            assert self.sock is not None
            self.file = _BoundedReplies(self.sock.makefile("rb"))
        return super().getreply()


class SmtpConversation:
    """Hands one mail to the server at one of `addresses`, which were judged. Raises what `smtplib` raises."""

    def __init__(self, plan: SmtpServer, addresses: Sequence[str], seconds: float) -> None:
        self._plan = plan
        self._addresses = addresses
        self._seconds = seconds
        # The connection once more: the other one passes from hand to hand as it becomes TLS.
        self._line: socket.socket | None = None
        self._is_over = False

    async def carry(self, mail: EmailMessage) -> None:
        """Speak in a thread; when this is cancelled the connection is cut, and the thread ends."""
        # Of its own: a few silent servers would else hold up whatever shares the loop's threads, such as look-ups.
        thread = ThreadPoolExecutor(1, "smtp")
        try:
            await asyncio.get_running_loop().run_in_executor(thread, self._speak, mail)
        finally:
            self._is_over = True
            self._cut()
            thread.shutdown(wait=False)

    def _speak(self, mail: EmailMessage) -> None:
        plan = self._plan
        with self._connected() as line:
            spoken = plan.tls.wrap_socket(line, server_hostname=plan.host) if plan.security == "tls" else line
            client = _Client(spoken, plan.host)
            try:
                _greet(client, plan)
                client.send_message(mail)
                # It has the mail: were its farewell waited for, one that does not come would send the mail again.
                with suppress(smtplib.SMTPException, OSError):
                    client.putcmd("QUIT")
            finally:
                client.close()

    def _connected(self) -> socket.socket:
        failure: OSError = OSError(f"{self._plan.host} has no address")
        for address in self._addresses:
            try:
                line = socket.create_connection((address, self._plan.port), timeout=self._seconds)
            except OSError as problem:
                failure = problem
                continue
            self._line = line.dup()
            if self._is_over:
                self._cut()
            return line
        raise failure

    def _cut(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


def _greet(client: _Client, plan: SmtpServer) -> None:
    code, said = client.getreply()
    if code != 220:
        raise smtplib.SMTPConnectError(code, said)
    if plan.security == "starttls":
        client.starttls(context=plan.tls)
    if plan.username is not None:
        client.login(plan.username, plan.password)
