"""The HTTP client of the model providers: a response has an end, whatever its sender thinks."""

from collections.abc import AsyncGenerator
from typing import cast

import httpx2

from heartbeat.agents.transport import RepairingTransport
from heartbeat.egress.capped import CappedBody

# The longest answers of today's models are below a megabyte.
MAX_BYTES = 16 * 1024 * 1024
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)


def model_http_client(timeout: float) -> httpx2.AsyncClient:
    """Make a client that repairs responses before they are parsed, and cuts them off at 16 MB (`TooLarge`).

    `timeout` in seconds is for each read.
    """
    transport = RepairingTransport(_Capped(limits=LIMITS))
    return httpx2.AsyncClient(transport=transport, timeout=timeout, follow_redirects=True)


class _Capped(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        response.stream = CappedBody(cast(AsyncGenerator[bytes], aiter(stream)), stream.aclose, MAX_BYTES)
        return response
