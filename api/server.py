"""How the API is served: uvicorn, with what the API needs of it and no more."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

from api.connections import Connections

# The benchmarks serve a bare route with the same.
SERVER_OPTIONS: dict[str, Any] = {
    "http": "httptools",
    "ws": "none",
    "lifespan": "off",
    "access_log": False,
    "log_config": None,
    "server_header": False,
}


TICKS_A_SECOND = 10


class ApiServer(uvicorn.Server):
    """Stops on a signal and returns; uvicorn's own would raise the signal again and end the process by it.

    `connections` bounds those of clients; the config's protocol is `BoundedConnection`.
    """

    def __init__(self, config: uvicorn.Config, connections: Connections, closing: asyncio.Event) -> None:
        super().__init__(config)
        self.server_state = connections
        self._closing = closing

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0 and isinstance(self.server_state, Connections):
            self.server_state.look()
        return await super().on_tick(counter)

    def stop(self) -> None:
        """Stop as a signal has it stop."""
        self.handle_exit(signal.SIGTERM, None)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield
