"""A connection to Temporal that a test can slow down or silence: HTTP/2 frames are passed on, held, or left unread.

What is held is the body of a request, on its way to Temporal. So Temporal does not answer it, and answers all others
of the same connection. Holding back an answer would not do: the headers of those that follow it refer to it.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PREFACE = 24
DATA, RST_STREAM = 0, 3
COMPRESSED = 1
HEALTH_CHECK = b"temporal.api.workflowservice.v1.WorkflowService"


class TemporalProxy:
    """Stands between one client and a real Temporal at `address`; listens on `target`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._held: dict[int, list[bytes]] = {}
        self._holding: bytes | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._to_temporal: asyncio.StreamWriter | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.target = ""
        self.health_checks = 0

    @property
    def held(self) -> int:
        """How many requests are held back."""
        return len(self._held)

    def hold(self, content: bytes) -> None:
        """Hold each request from now on whose body contains this."""
        self._holding = content

    async def release(self) -> None:
        """Let what is held go on, and hold no more."""
        assert self._to_temporal is not None
        self._holding = None
        for frames in self._held.values():
            self._to_temporal.writelines(frames)
        self._held.clear()
        await self._to_temporal.drain()

    def silence(self) -> None:
        """Pass nothing on any more, in either direction; the connections stay open."""
        self._open.clear()

    def _connected(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(from_client, to_client))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        host, port = self._address.split(":")
        from_temporal, to_temporal = await asyncio.open_connection(host, int(port))
        self._to_temporal = to_temporal
        forth = asyncio.create_task(self._requests(from_client, to_temporal))
        back = asyncio.create_task(self._answers(from_temporal, to_client))
        try:
            await asyncio.wait({forth, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forth.cancel()
            back.cancel()
            await asyncio.gather(forth, back, return_exceptions=True)
            to_temporal.close()
            to_client.close()

    async def _close(self) -> None:
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _answers(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while content := await source.read(65536):
            await self._open.wait()
            target.write(content)
            await target.drain()

    async def _requests(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        target.write(await source.readexactly(PREFACE))
        while True:
            header = await source.readexactly(9)
            payload = await source.readexactly(int.from_bytes(header[:3]))
            await self._open.wait()
            if not self._keeps(header[3], int.from_bytes(header[5:]), payload, header + payload):
                target.write(header + payload)
                await target.drain()

    def _keeps(self, kind: int, stream: int, payload: bytes, frame: bytes) -> bool:
        if kind == RST_STREAM:
            self._held.pop(stream, None)
        if kind != DATA:
            return False
        body = _message(payload)
        self.health_checks += HEALTH_CHECK in body
        if self._holding is not None and self._holding in body:
            self._held.setdefault(stream, [])
        if stream not in self._held:
            return False
        self._held[stream].append(frame)
        return True


def _message(payload: bytes) -> bytes:
    """The message of a gRPC request that fits into one frame."""
    content = payload[5:]
    return gzip.decompress(content) if payload[:1] == bytes([COMPRESSED]) else content


@asynccontextmanager
async def temporal_proxy(address: str) -> AsyncIterator[TemporalProxy]:
    """A proxy for as long as the body runs."""
    proxy = TemporalProxy(address)
    server = await asyncio.start_server(proxy._connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    proxy.target = f"{host}:{port}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy._close()
