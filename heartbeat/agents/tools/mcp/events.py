"""A stream of server-sent events, with the messages in it made readable one by one, as they come."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from heartbeat.agents.tools.mcp.envelopes import event_data

# Of an event that is larger nothing is repaired: the SDK, which reads it next, takes none so large.
MAX_BYTES = 8 * 1024 * 1024


class ReadableEvents(httpx2.AsyncByteStream):
    """The events of `response`, of which those that answer `rpc_request` are made messages."""

    def __init__(self, response: httpx2.Response, rpc_request: Mapping[str, Any]) -> None:
        self._response = response
        self._rpc_request = rpc_request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        buffer, is_whole, is_half_end = b"", True, False
        async for part in self._response.aiter_bytes():
            # A line ends with CR, LF or both, and the LF of both may come with the next part.
            whole = part.removeprefix(b"\n") if is_half_end else part
            is_half_end = part.endswith(b"\r")
            buffer += whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if len(buffer) > MAX_BYTES:
                is_whole = False
            if not is_whole:
                yield buffer
                buffer = b""
                continue
            *events, buffer = buffer.split(b"\n\n")
            for event in events:
                yield self._readable(event) + b"\n\n"
        yield self._readable(buffer)

    async def aclose(self) -> None:
        await self._response.aclose()

    def _readable(self, event: bytes) -> bytes:
        lines = event.split(b"\n")
        data = [line.removeprefix(b"data:").removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        if not data:
            return event
        others = [line for line in lines if not line.startswith(b"data:")]
        readable = event_data(b"\n".join(data), self._rpc_request).split(b"\n")
        return b"\n".join([*others, *(b"data: " + line for line in readable)])
