"""The connections between two parts, each through a proxy that can delay, reset, swallow and throttle them."""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

FAULTS = ("delay", "reset", "black hole", "half-open", "throttle")
DELAY_SECONDS = 0.3
THROTTLED, THROTTLED_SECONDS = 512, 0.1
CHUNK = 65_536
AT_ONCE = struct.pack("ii", 1, 0)
Target = tuple[str, int] | str


class Links:
    """Proxies on loopback, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.all: dict[str, Link] = {}

    def add(self, name: str, target: Target) -> int:
        """The port at which `target`, an address or a socket's path, is reached from now on."""
        link = self.all[name] = Link(target)
        return self._do(link.listen())

    def break_(self, name: str, fault: str) -> None:
        self._do(self.all[name].break_(fault))

    def had_effect(self, name: str) -> bool:
        """Whether the last fault of this one met anything."""
        return self.all[name].had_effect

    def heal(self, name: str) -> None:
        self._do(self.all[name].heal())

    def close(self) -> None:
        for link in self.all.values():
            self._do(link.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)


class Link:
    """One way from a part to another."""

    def __init__(self, target: Target) -> None:
        self._target, self._fault, self.had_effect = target, "", False
        # How many bytes went on, or did not, by the way they went.
        self.passed, self.swallowed = Counter[str](), Counter[str]()
        self._open: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address: tuple[str, int] = self._server.sockets[0].getsockname()
        return self.address[1]

    async def break_(self, fault: str) -> None:
        self._fault, self.had_effect = fault, False
        if fault == "reset":
            self.had_effect = bool(self._open)
            self._reset()

    async def heal(self) -> None:
        """What was swallowed does not come any more, so whoever waits for it hears of that now."""
        if self._fault in ("black hole", "half-open"):
            self._reset()
        self._fault = ""

    async def close(self) -> None:
        self._server.close()
        self._reset()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _reset(self) -> None:
        for writer in self._open:
            with suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self._pumps.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._target
        opening = asyncio.open_unix_connection(target) if isinstance(target, str) else asyncio.open_connection(*target)
        back, forth = await opening
        both = {writer, forth}
        self._open |= both
        try:
            pumps = self._pump(reader, forth, "forth"), self._pump(back, writer, "back")
            await asyncio.wait([asyncio.create_task(pump) for pump in pumps])
        finally:
            self._open -= both
            forth.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        with suppress(OSError):
            while content := await reader.read(CHUNK):
                if self._fault == "black hole" or (self._fault == "half-open" and way == "back"):
                    self.swallowed[way] += len(content)
                    self.had_effect = True
                    continue
                if self._fault == "delay":
                    await asyncio.sleep(DELAY_SECONDS)
                self.had_effect |= self._fault in ("delay", "throttle")
                await self._pass_on(content, writer, way)
        # The other way hears of the end, too.
        writer.close()

    async def _pass_on(self, content: bytes, writer: asyncio.StreamWriter, way: str) -> None:
        while content:
            now = len(content)
            if self._fault == "throttle":
                now = THROTTLED
                await asyncio.sleep(THROTTLED_SECONDS)
            writer.write(content[:now])
            await writer.drain()
            self.passed[way] += len(content[:now])
            content = content[now:]
