"""One request to a provider and its response, as bytes: what is sent is adapted, what comes back is put right.

Below the client libraries, so that every dialect has it in one place: parameters that a model does not take are left
out or renamed once it has said so (parameters.py), bodies are repaired before they are parsed (bodies/), and what was
used is noted even when the answer cannot be understood.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpx2

from heartbeat.agents.bodies.repair import UnusableResponse, repaired
from heartbeat.agents.bodies.shapes import TokenUsage
from heartbeat.agents.parameters import Parameters

# Of the body as it was sent; the repaired one is another.
BODY_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}


@dataclass
class Exchange:
    """What is known of a request whatever becomes of its answer; sizes in bytes.

    `received` is 0 until a response with a status of success came: only such a one is paid for.
    """

    sent: int = 0
    received: int = 0
    usage: TokenUsage | None = None
    wait: float | None = None


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def exchange() -> Iterator[Exchange]:
    """Notes the request that is made inside, in this task."""
    noted = Exchange()
    token = _current.set(noted)
    try:
        yield noted
    finally:
        _current.reset(token)


class RepairingTransport(httpx2.AsyncBaseTransport):
    """Reads each response whole, as far as `transport` lets it, and hands on what it means.

    A request that the model refused for a parameter alone, unpaid, is sent once more without it.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self._transport = transport
        self._parameters = Parameters()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        original = await request.aread()
        content = self._parameters.adapted(request.url.host, original)
        response = await self._sent(request, content)
        if response.status_code in (400, 422) and self._parameters.learn(request.url.host, content, response.content):
            response = await self._sent(request, self._parameters.adapted(request.url.host, original))
        return _repaired(request, response)

    async def _sent(self, request: httpx2.Request, content: bytes) -> httpx2.Response:
        noted = _current.get()
        if noted is not None:
            noted.sent = len(content)
        headers = [
            (name, value)
            for name, value in request.headers.raw
            if name.lower() not in (b"content-length", b"transfer-encoding")
        ]
        adapted = httpx2.Request(
            request.method, request.url, headers=headers, content=content, extensions=request.extensions
        )
        response = await self._transport.handle_async_request(adapted)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def _repaired(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    result = repaired(request.url.path, response.status_code, headers, response.content, time.time())
    noted = _current.get()
    if noted is not None:
        noted.usage, noted.wait = result.usage, result.wait
        noted.received = len(response.content) if response.is_success else 0
    if result.answer is not None:
        raise result.answer
    kept = {name: value for name, value in headers.items() if name not in BODY_HEADERS}
    if result.content is not response.content:
        kept["content-type"] = "application/json"
    return httpx2.Response(result.status, headers=kept, content=result.content, request=request)


def no_answer_behind(problem: BaseException) -> UnusableResponse | None:
    """The `UnusableResponse` that a client library wrapped into an exception of its own; `None` when there is none."""
    seen: BaseException | None = problem
    while seen is not None and not isinstance(seen, UnusableResponse):
        seen = seen.__cause__ or seen.__context__
    return seen
