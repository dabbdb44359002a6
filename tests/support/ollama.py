"""An Ollama on loopback, as far as its list of models goes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

MODELS = [
    {"name": "qwen3:8b", "details": {"family": "qwen3"}},
    {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}},
    {"name": "llama3.2:latest"},
    {"model": "nameless"},
    "odd",
]


@contextmanager
def ollama(body: str = json.dumps({"models": MODELS})) -> Iterator[str]:
    """A server that answers /api/tags with this; its address as Heartbeat's setting has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/tags" else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()
