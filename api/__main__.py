"""One API process: connect, serve until asked to stop."""

import asyncio
import gc
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
import uvloop

from api.main import create_app
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.temporal.client import connect
from heartbeat.temporal.process import leave

# What the API needs of HTTP, and no more; the benchmarks serve a bare route with the same.
SERVER_OPTIONS: dict[str, Any] = {
    "http": "httptools",
    "ws": "none",
    "lifespan": "off",
    "access_log": False,
    "log_config": None,
    "server_header": False,
}
# Less than a supervisor waits before it ends the process the hard way.
GRACE_SECONDS = 1


class ApiServer(uvicorn.Server):
    """Stops on a signal and returns; uvicorn's own would raise the signal again and end the process by it."""

    def __init__(self, config: uvicorn.Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get a second to end."""
    database = Database(settings.store_url())
    app = create_app(settings, database, await connect(settings))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        **SERVER_OPTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # What was imported and built stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    await ApiServer(config, app.state.closing).serve()
    database.close()


def main() -> None:
    """Serve on the settings of the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    uvloop.run(serve(Settings()))
    leave()


if __name__ == "__main__":
    main()
