"""Below the client libraries, for every dialect at once: what is sent is adapted, what comes back is repaired.

Parameters that a model does not take are left out or renamed once it has said so (parameters.py). Bodies are repaired
before they are parsed (bodies/).
"""

import time

import httpx2

from heartbeat.agents.bodies.repair import CHECK_ADDRESS, KEEPS_METHOD, UnusableResponse, repaired
from heartbeat.agents.bodies.shapes import whole
from heartbeat.agents.parameters import Parameters
from heartbeat.egress.unreachable import causes

# Of the body as it was sent; the repaired one is another.
BODY_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}
UNSENDABLE = (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, httpx2.InvalidURL, UnicodeEncodeError)


class RepairingTransport(httpx2.AsyncBaseTransport):
    """Reads each response whole, as far as `transport` lets it, and hands on what it means.

    A request that the model refused for a parameter alone, unpaid, is sent once more without it.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self._transport = transport
        self._parameters = Parameters()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        address, original = f"{request.url.host}:{request.url.port}", await request.aread()
        content = self._parameters.adapted(address, original)
        response = await self._send(request, content)
        if response.status_code in (400, 422) and self._parameters.learn(address, content, response.content):
            response = await self._send(request, self._parameters.adapted(address, original))
        return _repaired(request, response)

    async def _send(self, request: httpx2.Request, content: bytes) -> httpx2.Response:
        response = await self._transport.handle_async_request(_with_content(request, content))
        try:
            await response.aread()
        except httpx2.DecodingError as problem:
            size = whole(response.headers.get("content-length"))
            raise UnusableResponse("a body that is not encoded as its headers say", written=size) from problem
        finally:
            await response.aclose()
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def _with_content(request: httpx2.Request, content: bytes) -> httpx2.Request:
    if content == request.content:
        return request
    headers = [(name, value) for name, value in request.headers.items() if name not in BODY_HEADERS]
    return httpx2.Request(request.method, request.url, headers=headers, content=content, extensions=request.extensions)


def _repaired(request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
    """Make the response that the libraries take; raises `UnusableResponse` for what is no answer."""
    if response.status_code in KEEPS_METHOD and _leads_elsewhere(request.url, response.headers.get("location", "")):
        raise UnusableResponse(f"a redirect to another host, where no key is sent; {CHECK_ADDRESS}")
    result = repaired(request.url.path, response.status_code, response.headers, response.content, time.time())
    headers = {name: value for name, value in response.headers.items() if name not in BODY_HEADERS}
    if result.content is not response.content:
        headers["content-type"] = "application/json"
    if result.wait is not None:
        # The one form that every library reads, with fractions.
        headers["retry-after-ms"] = str(result.wait * 1000)
    return httpx2.Response(result.status, headers=headers, content=result.content, request=request)


def _leads_elsewhere(url: httpx2.URL, location: str) -> bool:
    """Whether a redirect leaves the host, or its TLS. The client would take along every key but `Authorization`."""
    try:
        target = url.join(location)
    except httpx2.InvalidURL:
        return True
    secured = url.scheme == "http" and target.scheme == "https"
    return target.host != url.host or not (secured or (target.scheme, target.port) == (url.scheme, url.port))


def unusable_response_behind(problem: BaseException) -> UnusableResponse | None:
    """The `UnusableResponse` that a client library wrapped into an exception of its own; `None` when there is none."""
    return next((cause for cause in causes(problem) if isinstance(cause, UnusableResponse)), None)


def never_left(problem: BaseException) -> bool:
    """Whether the request could not even be written: a key that is no header, an address that is none."""
    return any(isinstance(cause, UNSENDABLE) for cause in causes(problem))
