"""Who is told what the runs found, and the page that gates look at."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

# Each fourth message is refused when it comes first; a look finds the page changed each third time.
REFUSED, CHANGED = 4, 3


class Inbox:
    """A webhook that verifies what it gets and keeps it by its id, beside a page that changes now and then."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.got: dict[str, str] = {}
        self.seen: set[str] = set()
        self.looks = 0
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = QuietServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def takes(self, message: str, body: str) -> bool:
        """Whether a message is taken now."""
        is_new = message not in self.seen
        self.seen.add(message)
        if is_new and len(self.seen) % REFUSED == 0:
            return False
        self.got[message] = body
        return True


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Connections that break off are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    owner: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Webhook(self.owner.secret).verify(body, dict(self.headers))
        self._answer(204 if self.owner.takes(self.headers["webhook-id"], body.decode()) else 503)

    def do_GET(self) -> None:
        self.owner.looks += 1
        self._answer(200, f"Version {self.owner.looks // CHANGED}".encode())

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """The checks read `got`; the terminal stays quiet."""
