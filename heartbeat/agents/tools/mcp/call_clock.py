"""How long a tool call may take: so many seconds after what was last heard of it."""

import asyncio
import math
from collections.abc import Callable

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.results import without_secrets
from heartbeat.domain.text import storable_text
from heartbeat.domain.tool_limits import LONGEST_CALL_SECONDS

MAX_CHARACTERS = 200


class CallClock:
    """The time of one call. A server that says how far it has come is given as many seconds again, up to an hour.

    `on_progress` is told what it says, without secrets and cut to a line.
    """

    def __init__(self, server: McpServer, seconds: int, on_progress: Callable[[str], None] | None) -> None:
        self._server = server
        self._seconds = seconds
        self._on_progress = on_progress
        now = asyncio.get_running_loop().time()
        self._latest = now + max(seconds, LONGEST_CALL_SECONDS)
        self._deadline = now + seconds
        self._limit: asyncio.Timeout | None = None
        self._farthest = -math.inf

    def limit(self) -> asyncio.Timeout:
        """What ends an attempt at the call; of several the last one is held to the clock."""
        self._limit = asyncio.timeout_at(self._deadline)
        return self._limit

    async def hear(self, progress: float, total: float | None, message: str | None) -> None:
        """Take what the server says of how far the call has come."""
        self._deadline = min(asyncio.get_running_loop().time() + self._seconds, self._latest)
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self._deadline)
        # It only rises; words that were sent in order may be heard in another.
        if progress < self._farthest:
            return
        self._farthest = progress
        if self._on_progress is not None:
            self._on_progress(_words(self._server, progress, total, message))


def _words(server: McpServer, progress: float, total: float | None, message: str | None) -> str:
    far = f"{progress:g} of {total:g}" if total is not None else f"{progress:g}"
    words = " ".join(f"{far}: {message}".split()) if message and message.strip() else far
    return storable_text(without_secrets(words, server))[:MAX_CHARACTERS]
