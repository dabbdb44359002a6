"""A tool server of the sse transport: it answers on a stream of events what comes in as messages, each a request."""

import json
from queue import SimpleQueue
from typing import Any, ClassVar

from tests.support.raw_tool_server import RawHandler, RawToolServer


class _EventHandler(RawHandler):
    desk: "RawEventServer"
    streams: ClassVar[dict[str, "SimpleQueue[bytes]"]] = {}

    def open_stream(self) -> None:
        """Send what answers the messages to the address that is told first, until the client goes."""
        stream, address = SimpleQueue[bytes](), f"/messages?session={id(self)}"
        self.streams[address] = stream
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"event: endpoint\ndata: {address}\n\n".encode())
        while event := stream.get():
            self.wfile.write(event)

    def send(self, status: int, headers: dict[str, str], body: Any) -> None:
        if status != 200:
            super().send(status, headers, body)
            return
        content = body if isinstance(body, str) else json.dumps(body)
        super().send(202, {}, "Accepted")
        event = f"event: message\ndata: {content}\n\n".encode()
        self.streams[self.path].put(event.replace(b"\n", self.desk.line_end))


class RawEventServer(RawToolServer):
    """A `RawToolServer` of the sse transport, whose lines end in `line_end`."""

    handler = _EventHandler
    line_end = b"\n"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/sse"
