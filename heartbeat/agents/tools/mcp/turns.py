"""Calls that write, one after the other: many servers lose something when two of a run write at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

from heartbeat.agents.tools.definitions import OfferedTool

# Of a call that takes longer the next one does not wait for the end: it has a time of its own to keep.
WAIT_SECONDS = 20.0


class Turns:
    """Whose turn it is at each server, in each run."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, run_uuid: str, tool: OfferedTool) -> AsyncIterator[None]:
        """Wait for the calls of the run that write at the same server, if this one does as well."""
        if tool.server is None or not tool.is_write:
            yield
            return
        lock = self._locks.setdefault((run_uuid, tool.server.uuid), asyncio.Lock())
        is_held = False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wait_seconds):
                is_held = await lock.acquire()
        try:
            yield
        finally:
            if is_held:
                lock.release()
