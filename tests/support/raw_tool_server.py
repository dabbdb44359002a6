"""A tool server over HTTP that answers with what it was told to, however little MCP that is."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

Answer = tuple[int, dict[str, str], Any]

SESSION_LOST = (404, {}, {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}})
PAGES = [
    {"name": "open", "inputSchema": {"type": "object", "properties": {"tab": {"type": "integer"}}}},
    {"name": "look", "inputSchema": {"type": "object"}},
]


@dataclass(frozen=True)
class Received:
    """One JSON-RPC message as it reached the server, with the session that it named."""

    method: str
    params: dict[str, Any]
    id: Any
    session: str | None


class RawHandler(BaseHTTPRequestHandler):
    desk: "RawToolServer"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        session = self.headers.get("mcp-session-id")
        received = Received(message.get("method", ""), message.get("params") or {}, message.get("id"), session)
        self.send(*self.desk.answer(received))

    def do_GET(self) -> None:
        self.open_stream()

    def open_stream(self) -> None:
        self.send(405, {}, "")

    def do_DELETE(self) -> None:
        self.desk.goodbyes += 1
        self.send(200, {}, "")

    def send(self, status: int, headers: dict[str, str], body: Any) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class RawToolServer:
    """`pages` are what `tools/list` answers, in turn and then the last one again; `call` answers `tools/call`.

    `instead` may answer a message itself, as status, headers and body. With `has_sessions` each `initialize` gets a
    session id, and `goodbyes` counts those that were left.
    """

    pages: list[Any] = field(default_factory=lambda: [{"tools": [{"name": "book", "inputSchema": {"type": "object"}}]}])
    call: Callable[[Received], Any] = lambda received: {"content": [{"type": "text", "text": "Booked."}]}
    instead: Callable[[Received], Answer | None] = lambda received: None
    introduction: dict[str, Any] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    has_sessions: bool = False
    goodbyes: int = 0
    handler: ClassVar[type[RawHandler]] = RawHandler

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/mcp"

    def times(self, method: str) -> int:
        """How many messages of `method` came."""
        return sum(one.method == method for one in self.received)

    def __enter__(self) -> Self:
        handler = type("Handler", (self.handler,), {"desk": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, received: Received) -> Answer:
        """What `received` is answered with."""
        self.received.append(received)
        answer = self.instead(received)
        if answer is not None:
            return answer
        if received.id is None:
            return 202, {}, ""
        if received.method not in ("initialize", "tools/list", "tools/call"):
            error = {"code": -32601, "message": "Method not found"}
            return 200, {}, {"jsonrpc": "2.0", "id": received.id, "error": error}
        starts_session = self.has_sessions and received.method == "initialize"
        headers = {"mcp-session-id": f"session-{self.times('initialize')}"} if starts_session else {}
        return 200, headers, {"jsonrpc": "2.0", "id": received.id, "result": self._result(received)}

    def _result(self, received: Received) -> Any:
        if received.method == "initialize":
            version = received.params["protocolVersion"]
            known = {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "raw", "version": "1"}}
            return {**known, **self.introduction}
        if received.method == "tools/list":
            return self.pages[min(self.times("tools/list"), len(self.pages)) - 1]
        return self.call(received)


class Browser(RawToolServer):
    """A server that keeps a page in its session: `open` it, then `look` at it."""

    def __init__(self) -> None:
        super().__init__(pages=[{"tools": PAGES}], call=self._call, has_sessions=True)
        self.opened: set[str | None] = set()

    def _call(self, received: Received) -> dict[str, Any]:
        if received.params["name"] == "open":
            self.opened.add(received.session)
        return {"content": "a page" if received.session in self.opened else "no page"}
