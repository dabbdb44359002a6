"""A model on this machine that leaves a request without an answer, when told to, and keeps who asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {
    "id": "chatcmpl-held",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "held",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "All quiet."}}],
    "usage": {"prompt_tokens": 1200, "completion_tokens": 50, "total_tokens": 1250},
}


class HeldModel:
    """`askers` are the addresses of those who asked since it was told to hold, in order."""

    def __init__(self) -> None:
        self.askers: list[str] = []
        self.port = 0
        self._holds = False
        self._asked = threading.Condition()

    def hold_next(self) -> None:
        """Leave the next request without an answer."""
        self.askers, self._holds = [], True

    def wait_for(self, requests: int, seconds: float) -> None:
        with self._asked:
            assert self._asked.wait_for(lambda: len(self.askers) >= requests, seconds), self.askers

    def take(self, address: str) -> bool:
        """Keep who asked; false if they get no answer."""
        with self._asked:
            self.askers.append(address)
            self._asked.notify_all()
            answers, self._holds = not self._holds, False
            return answers


@contextmanager
def held_model() -> Iterator[HeldModel]:
    model, over = HeldModel(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            if not model.take(self.client_address[0]):
                over.wait()
                return
            body = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    model.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield model
    finally:
        over.set()
        server.shutdown()
        server.server_close()
