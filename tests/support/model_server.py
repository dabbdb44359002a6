"""A model provider on loopback: real HTTP, OpenAI's chat completions, answers scripted by the test."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.patience import PATIENCE


@dataclass
class Reply:
    """What the provider does with one request."""

    status: int = 200
    body: dict[str, Any] | str = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    wait_for: threading.Event | None = None
    endless: bool = False


def says(text: str, input_tokens: int = 100, output_tokens: int = 20, finish: str = "stop") -> Reply:
    """An answer of the model, with its usage."""
    return Reply(
        body={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": "scripted",
            "choices": [
                {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}},
            ],
            "usage": {
                "prompt_tokens": input_tokens,
                "completion_tokens": output_tokens,
                "total_tokens": input_tokens + output_tokens,
            },
        }
    )


def asks(*calls: tuple[str, dict[str, Any] | str], input_tokens: int = 100, output_tokens: int = 20) -> Reply:
    """An answer that asks for tool calls: names with their arguments (a string is sent as it is)."""
    reply = says("", input_tokens, output_tokens, "tool_calls")
    assert isinstance(reply.body, dict)
    reply.body["choices"][0]["message"] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{number}_{name}",
                "type": "function",
                "function": {"name": name, "arguments": content if isinstance(content, str) else json.dumps(content)},
            }
            for number, (name, content) in enumerate(calls)
        ],
    }
    return reply


def fails(status: int, code: str = "", message: str = "no", headers: dict[str, str] | None = None) -> Reply:
    """An error in OpenAI's shape."""
    return Reply(status, {"error": {"message": message, "type": code, "code": code}}, headers or {})


class ModelServer:
    """Answers every request with `reply(body)`, and keeps what it was asked in `requests`."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.reply: Callable[[dict[str, Any]], Reply] = lambda _: says("All quiet.")
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def script(self, *replies: Reply) -> None:
        """Give these replies in turn; the last one for ever."""
        left = list(replies)
        self.reply = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def die(self) -> None:
        """Take no more connections. Called in a reply, that is the last one if it has `connection: close`."""
        self._server.shutdown()
        self._server.socket.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ModelServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.owner.requests.append({**request, "authorization": self.headers.get("authorization")})
        reply = self.owner.reply(request)
        if reply.wait_for is not None:
            reply.wait_for.wait(PATIENCE)
        body = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
        try:
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            if not reply.endless:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            while reply.endless:
                self.wfile.write(b" " * 1_000_000)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """The test reads `requests`; its terminal stays quiet."""
