"""A model provider that answers at once, or after some seconds: OpenAI's chat completions over HTTP, in a process of
its own.

`python -m bench.provider PORT [SECONDS]`
"""

import asyncio
import json
import sys

BODY = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "instant",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Nothing is urgent."}}
        ],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 50, "total_tokens": 1250},
    }
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Provider(asyncio.Protocol):
    """One connection: an answer for each complete request."""

    def __init__(self) -> None:
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._end()) is not None:
            request, self._read = self._read[:end], self._read[end:]
            self.respond(request)

    def respond(self, request: bytes) -> None:
        self._transport.write(ANSWER)

    def _end(self) -> int | None:
        """Find where the first request ends; `None` while it is not complete."""
        head, blank, body = self._read.partition(b"\r\n\r\n")
        if not blank:
            return None
        [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return len(head) + 4 + length if len(body) >= length else None


class SlowProvider(Provider):
    """One that thinks for `seconds`."""

    seconds = 0.0

    def respond(self, request: bytes) -> None:
        asyncio.get_running_loop().call_later(self.seconds, super().respond, request)


async def main(port: int, seconds: float = 0.0) -> None:
    SlowProvider.seconds = seconds
    provider = SlowProvider if seconds else Provider
    server = await asyncio.get_running_loop().create_server(provider, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *map(float, sys.argv[2:])))
