"""The HTTP client of the model providers: an answer has an end, whatever its sender thinks."""

from collections.abc import AsyncIterator
from typing import cast

import httpx2

# The longest answers of today's models are below a megabyte.
MOST_BYTES = 16 * 1024 * 1024
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)


def client(timeout: float) -> httpx2.AsyncClient:
    """A client whose answers are cut off at 16 MB, as a read error."""
    return httpx2.AsyncClient(transport=_Capped(limits=LIMITS), timeout=timeout, follow_redirects=True)


class _Capped(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        response.stream = _Counted(cast(httpx2.AsyncByteStream, response.stream))
        return response


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for part in self._stream:
            left -= len(part)
            if left < 0:
                raise httpx2.ReadError(f"The answer is larger than {MOST_BYTES:,} bytes.")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
