"""A provider that answers any request with the bytes it was told to."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class RawProvider:
    """Speaks no dialect of its own; `requests` counts what reached it, `bodies` keeps what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._response: Callable[[dict[str, Any]], tuple[int, dict[str, str], Any]] = lambda body: (500, {}, "")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> int:
        return len(self.bodies)

    def respond(self, status: int, headers: dict[str, str], body: Any) -> None:
        """Answer every request so: with text as it is, with anything else as JSON."""
        self.respond_as(lambda request: (status, headers, body))

    def respond_as(self, response: Callable[[dict[str, Any]], tuple[int, dict[str, str], Any]]) -> None:
        """Answer each request as it asks for, by its body."""
        self._response = response

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        self.bodies.append(body)
        status, headers, content = self._response(body)
        return status, headers, content.encode() if isinstance(content, str) else json.dumps(content).encode()


class _Handler(BaseHTTPRequestHandler):
    provider: RawProvider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        status, headers, content = self.provider.answer(body)
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass
