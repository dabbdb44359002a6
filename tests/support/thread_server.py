"""An ASGI application on loopback, served by a thread of its own."""

import asyncio
import contextlib
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from tests.support.ports import free_port


class ThreadServer:
    """Serves `app()` at `url` from the moment it is made until `close`. `port` 0 takes a free one."""

    def __init__(self, port: int = 0) -> None:
        # Named TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port or free_port()))
        self._socket.listen()
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            self.app(), log_level="critical", access_log=False, timeout_graceful_shutdown=1, ws="none"
        )
        self._uvicorn = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def requests(self) -> int:
        """How many requests came in so far."""
        return self._uvicorn.server_state.total_requests

    def app(self) -> ASGIApp:
        """What is served."""
        raise NotImplementedError

    def cut(self) -> None:
        """Drop every connection, as a machine that dies does; new ones are accepted."""
        self._loop.call_soon_threadsafe(self._drop)

    def close(self) -> None:
        """Stop; nothing listens at the address any more."""
        self._uvicorn.should_exit = True
        with contextlib.suppress(RuntimeError):
            self.cut()
        self._thread.join()
        self._socket.close()

    def _drop(self) -> None:
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._uvicorn.serve(sockets=[self._socket]))
            # What was cut off closes its socket in the loop's next turn.
            self._drop()
            runner.run(asyncio.sleep(0))
