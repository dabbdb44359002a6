"""What strangers may keep the API waiting for. Its clock is moved by looking, not by waiting."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.connections import (
    BODY_SECONDS,
    HEAD_SECONDS,
    MAX_HEAD_BYTES,
    STALL_SECONDS,
    BoundedConnection,
    Connections,
)
from api.server import SERVER_OPTIONS, ApiServer
from tests.support.patience import PATIENCE, until

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 20_000_000


@dataclass
class Served:
    """A server whose application reads the body and answers it; `/wait` waits for `go`, `/large` is large."""

    connections: Connections
    port: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[StreamWriter] = field(default_factory=list)
    received: dict[tuple[str, int], int] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.url.path == "/wait":
            await self.go.wait()
        body = b"x" * LARGE if request.url.path == "/large" else await request.body()
        await PlainTextResponse(body)(scope, receive, send)

    async def connect(self, sent: bytes = b"", address: str = "127.0.0.1") -> tuple[StreamReader, StreamWriter]:
        """Connect, and return when the server has got what was sent, or has turned the connection away."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(address, 0))
        self.clients.append(writer)
        writer.write(sent)
        own = writer.get_extra_info("sockname")
        await until(lambda: self.received.get(own) == len(sent))
        return reader, writer

    def look(self, times: int) -> None:
        for _ in range(times):
            self.connections.look()


@asynccontextmanager
async def served(most: int = 100, most_by_address: int = 100) -> AsyncIterator[Served]:
    app = Served(Connections(most, most_by_address))

    class Counted(BoundedConnection):
        def connection_made(self, transport: Any) -> None:
            app.received[transport.get_extra_info("peername")] = 0
            super().connection_made(transport)

        def data_received(self, data: bytes) -> None:
            app.received[self.transport.get_extra_info("peername")] += len(data)
            super().data_received(data)

    options: dict[str, Any] = SERVER_OPTIONS | {"http": Counted}
    server = ApiServer(uvicorn.Config(app, port=0, **options), app.connections, asyncio.Event())
    running = asyncio.ensure_future(server.serve())
    await until(lambda: server.started)
    app.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        app.go.set()
        server.should_exit = server.force_exit = True
        for client in app.clients:
            client.transport.abort()
        await running
        await asyncio.gather(*(client.wait_closed() for client in app.clients), return_exceptions=True)


async def response(reader: StreamReader) -> tuple[int, bytes]:
    """The status and the body of the one response, 0 if the connection ends without."""
    head, _, body = (await asyncio.wait_for(reader.read(), PATIENCE)).partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


@pytest.mark.parametrize(
    ("sent", "seconds", "status"),
    [
        (b"", HEAD_SECONDS, 408),
        (b"\r\n\r\n", HEAD_SECONDS, 408),
        (HEAD, HEAD_SECONDS, 408),
        (HEAD + b"Content-Length: 10\r\n\r\nhalf", BODY_SECONDS, 408),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhal", BODY_SECONDS, 408),
    ],
    ids=["silent", "blank", "half a head", "half a body", "half a chunk"],
)
async def test_what_does_not_come_is_not_waited_for(sent: bytes, seconds: int, status: int) -> None:
    async with served() as app:
        reader, _ = await app.connect(sent)
        [connection] = bounded(app)
        app.look(int(connection.latest) - app.connections.clock)
        assert connection.is_open()
        app.look(1)
        code, body = await response(reader)
        assert (code, json.loads(body)["code"]) == (status, "request_timeout")


def bounded(app: Served) -> list[BoundedConnection]:
    return [one for one in app.connections.connections if isinstance(one, BoundedConnection)]


async def test_between_requests_too_and_half_a_next_one_buys_no_time_twice() -> None:
    async with served() as app:
        reader, writer = await app.connect(WHOLE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        for piece in (HEAD, b"a: b\r\n"):
            writer.write(piece)
            await asyncio.sleep(0)
        await until(lambda: bounded(app)[0]._in_message)
        app.look(HEAD_SECONDS + 1)
        assert (await response(reader))[0] == 408


async def test_a_request_that_is_being_served_is_never_late() -> None:
    async with served() as app:
        reader, _ = await app.connect(
            WHOLE.replace(b"/", b"/wait", 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        await until(lambda: bool(app.connections.tasks))
        app.look(1000)
        app.go.set()
        assert (await response(reader))[0] == 200


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (HEAD, b"a: " + b"b" * 1000 + b"\r\n"),
        (HEAD + b"a: ", b"b" * 1000),
        (b"GET /", b"b" * 1000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"b" * 1000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: " + b"b" * 1000 + b"\r\n"),
    ],
    ids=["headers", "a header", "a path", "a chunk", "trailers"],
)
async def test_a_head_without_end_is_not_kept(start: bytes, more: bytes) -> None:
    async with served() as app:
        reader, writer = await app.connect(start)
        answer = asyncio.ensure_future(response(reader))
        sent = 0
        while not answer.done() and sent < 20 * MAX_HEAD_BYTES:
            writer.write(more)
            sent += len(more)
            await asyncio.wait([answer], timeout=0.001)
        assert (await answer)[0] in (0, 400, 431)
        await until(lambda: not bounded(app))


async def test_a_body_of_any_size_counts_as_none_of_the_head() -> None:
    async with served() as app:
        size = 10 * MAX_HEAD_BYTES
        reader, writer = await app.connect(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(10):
            writer.write(b"x" * MAX_HEAD_BYTES)
            await writer.drain()
        code, body = await response(reader)
        assert (code, len(body)) == (200, size)


async def test_the_one_that_waits_longest_makes_room() -> None:
    async with served(most=3) as app:
        silent = []
        for _ in range(3):
            silent.append(await app.connect())
            app.look(1)
        reader, _ = await app.connect(WHOLE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert (await response(silent[0][0]))[0] == 503
        assert len(bounded(app)) == 3


async def test_when_all_are_served_a_new_one_is_told_to_come_back() -> None:
    async with served(most=2) as app:
        for number in (1, 2):
            await app.connect(WHOLE.replace(b"/", b"/wait", 1))
            await until(lambda number=number: len(app.connections.tasks) == number)
        reader, _ = await app.connect()
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in head.lower()
        assert json.loads(await reader.read())["code"] == "too_many_connections"


async def test_one_address_takes_no_room_of_another() -> None:
    async with served(most=10, most_by_address=2) as app:
        other, _ = await app.connect(address="127.0.0.2")
        for _ in range(5):
            await app.connect()
        await until(lambda: sorted(one.address for one in bounded(app)) == ["127.0.0.1", "127.0.0.1", "127.0.0.2"])
        assert not other.at_eof()


async def test_who_reads_nothing_is_dropped_and_who_reads_slowly_is_not() -> None:
    async with served() as app:
        _stuck, _ = await app.connect(WHOLE.replace(b"/", b"/large", 1))
        [first] = bounded(app)
        slow, _ = await app.connect(WHOLE.replace(b"/", b"/large", 1))
        [second] = [one for one in bounded(app) if one is not first]
        await until(lambda: all(one.transport.get_write_buffer_size() for one in (first, second)))
        for _ in range(2):
            app.look(STALL_SECONDS)
            before = second.transport.get_write_buffer_size()
            while second.transport.get_write_buffer_size() == before:
                await slow.read(1_000_000)
        app.look(1)
        assert (first.is_open(), second.is_open()) == (False, True)
