"""An HTTP server on loopback that a test scripts byte by byte, and that keeps what it was asked."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.ports import free_port

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """One request: its path, its headers in lower case."""

    path: str
    headers: dict[str, str]


@dataclass
class Peer:
    """Answers each path with what `answers` says, until the other side leaves, and closes.

    `connections` counts those that came in at all; `left` is set once one has been dealt with.
    """

    answers: Mapping[str, Answer]
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    tls: ssl.SSLContext | None = None
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def url(self, path: str = "/", host: str = "") -> str:
        """Where a path of this server is, under `host` if one is given."""
        scheme = "https" if self.tls else "http"
        own = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host or own}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            lines = (line.partition(":") for line in head[1:] if line)
            request = Asked(head[0].split(" ")[1], {name.lower(): value.strip() for name, _, value in lines})
            self.asked.append(request)
            answer = self.answers.get(request.path) or self.answers["*"]
            answering, leaving = asyncio.ensure_future(answer(writer)), asyncio.ensure_future(reader.read())
            _, still = await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            for task in still:
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        self.left.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def says(body: bytes = b"hello", status: str = "200 OK", **headers: str) -> Answer:
    """A whole answer; a header is named with underscores."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        all_headers = {"content_type": "text/plain", "connection": "close", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in all_headers.items())
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode("latin-1") + body)
        await writer.drain()

    return answer


def sends_to(location: str, body: bytes = b"", **headers: str) -> Answer:
    """A redirect."""
    return says(body, "302 Found", location=location, **headers)


def drips(piece: bytes, every: float = 0.0) -> Answer:
    """A body without an end, a piece every so many seconds."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every)

    return answer


async def says_nothing(writer: asyncio.StreamWriter) -> None:
    """No answer at all, until the other side leaves."""
    await asyncio.Event().wait()
