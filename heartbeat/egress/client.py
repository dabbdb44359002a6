"""The one way out to addresses that a user can set: looked up once, every answer judged, and connected to as judged.

The check is made where connections are made, so redirects, second requests and names that change their minds meet it,
too. Certificates are still those of the host's name.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache
from ipaddress import ip_address

import httpcore2
import httpx2

from heartbeat.egress.addresses import Address, AllowList, read_host, unzoned
from heartbeat.egress.capped import ENCODINGS, CappedBody, CappedResponse, is_decodable, until

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_REDIRECTS = 5
CONNECT_SECONDS = 10.0
# What a request may carry on to another origin: nothing that the first one was trusted with.
UNTRUSTED_HEADERS = {"accept", "accept-encoding", "connection", "content-length", "content-type", "cookie", "host"}
UNTRUSTED_HEADERS |= {"transfer-encoding", "user-agent"}


class Refused(httpx2.TransportError):
    """The address may not be spoken to, or cannot be found. `str()` says so to the user."""


async def look_up(host: str, port: int) -> list[str]:
    """Look the addresses of `host` up as the system resolves it."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in answers]


class Closed(Refused):
    """The address was found, and is outside the public internet or otherwise closed."""


class Guard:
    """Judges addresses. `allow` is the operator's list; raises `ValueError` if an entry of it cannot be read."""

    def __init__(self, allow: Sequence[str], resolve: Resolve = look_up) -> None:
        self._allowed = AllowList(allow)
        self._resolve = resolve

    async def check(self, host: str, port: int) -> list[Address]:
        """Return every address of `host`, each of which may be spoken to; connect to these. Raises `Refused`."""
        try:
            name = read_host(host)
        except ValueError as problem:
            raise Refused(f"{problem}.") from None
        if not 0 < port < 65_536:
            raise Refused(f"{port} is no port; one is between 1 and 65535.")
        if not isinstance(name, str):
            return [self._judged(name, "")]
        kind = self._allowed.refusal_of_name(name)
        if kind:
            raise _closed(f"{name} is {kind}")
        return [self._judged(address, name) for address in await self._addresses(name, port)]

    async def connect(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of `host` that answers. Raises `Refused`, and `OSError` when none does."""
        failure: OSError = OSError(f"{host} has no address")
        for address in await self.check(host, port):
            try:
                return await _connected(address, port)
            except TimeoutError:
                failure = OSError(f"it did not answer within {CONNECT_SECONDS:g} s")
            except OSError as problem:
                failure = problem
        raise failure

    async def check_url(self, url: str) -> None:
        """Check where `url` leads, read as the client reads it. Raises `Refused`."""
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as problem:
            raise Refused(f"{url!r} is no address: {problem}") from None
        require_http(parsed)
        await self.check(parsed.raw_host.decode("ascii"), 443 if parsed.port is None else parsed.port)

    async def _addresses(self, name: str, port: int) -> list[Address]:
        try:
            answers = await self._resolve(name, port)
            # The same address may be answered for each kind of socket.
            addresses = [unzoned(ip_address(address)) for address in dict.fromkeys(answers)]
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise Refused(f"The host {name} cannot be found: {reason}.") from None
        if not addresses:
            raise Refused(f"The host {name} has no address.")
        return addresses

    def _judged(self, address: Address, name: str) -> Address:
        kind = self._allowed.refusal(address, name)
        if kind:
            # The address behind a name is not named: that would be a map of the inside.
            raise _closed(f"{name} leads to {kind}" if name else f"{address} is {kind}")
        return address


async def _connected(address: Address, port: int) -> socket.socket:
    connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection


def require_http(url: httpx2.URL) -> None:
    """Raises `Refused` unless `url` is one of http or https."""
    if url.scheme not in ("http", "https"):
        raise Refused(f"Only http and https addresses are spoken to, not {url.scheme or 'one without a scheme'}.")


def _closed(what: str) -> Closed:
    return Closed(f"{what}. Only the public internet is open; the operator's HEARTBEAT_EGRESS_ALLOW opens more.")


class _CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to an address that the guard has judged, and to no other."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await self._guard.check(host, port):
            try:
                return await self._network.connect_tcp(
                    str(address), port, min(timeout or CONNECT_SECONDS, CONNECT_SECONDS), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as problem:
                failure = problem
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class Transport(httpx2.AsyncBaseTransport):
    """HTTP over checked connections. `timeout` in seconds is for a request in all, with its redirects and bodies.

    `max_bytes` is the most of one body, counted as it comes in, before and after it is unpacked.
    """

    def __init__(
        self, guard: Guard, *, timeout: float, max_bytes: int | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or system_tls(), max_connections=100, network_backend=_CheckedNetwork(guard)
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        require_http(request.url)
        # httpx2 hands a request's extensions on to the requests that follow its redirects.
        latest = asyncio.get_running_loop().time() + self._timeout
        deadline: float = request.extensions.setdefault("heartbeat.deadline", latest)
        if request.extensions.setdefault("heartbeat.origin", request.url.origin) != request.url.origin:
            _leave_secrets_behind(request.headers)
        async with until(deadline):
            answer = await self._pool.handle_async_request(_for_the_pool(request))
        response = CappedResponse(
            answer.status,
            headers=answer.headers,
            stream=CappedBody(answer.aiter_stream(), answer.aclose, self._max_bytes, deadline),
            extensions=answer.extensions,
        )
        response.max_bytes = self._max_bytes
        if not is_decodable(response.headers):
            await response.aclose()
            raise httpx2.DecodingError("The answer is packed in a way that was not asked for.")
        return response

    async def aclose(self) -> None:
        await self._pool.aclose()


def guarded_client(
    guard: Guard,
    *,
    timeout: float,
    headers: Mapping[str, str] | None = None,
    max_bytes: int | None = None,
    within: Callable[[httpx2.AsyncBaseTransport], httpx2.AsyncBaseTransport] | None = None,
) -> httpx2.AsyncClient:
    """A client for addresses a user set. It raises `Refused`, `TooLarge` and httpx2's own errors, all `HTTPError`s.

    It follows five redirects, and leaves `headers` behind when one leads to another origin. No proxy, certificate or
    password is taken from the environment. `within` wraps the transport.
    """
    transport = Transport(guard, timeout=timeout, max_bytes=max_bytes)
    return httpx2.AsyncClient(
        transport=within(transport) if within else transport,
        headers={**(headers or {}), "Accept-Encoding": ", ".join(ENCODINGS)},
        timeout=timeout,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
    )


def _for_the_pool(request: httpx2.Request) -> httpcore2.Request:
    url = request.url
    return httpcore2.Request(
        method=request.method,
        url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _leave_secrets_behind(headers: httpx2.Headers) -> None:
    for name in list(headers):
        if name not in UNTRUSTED_HEADERS:
            del headers[name]


@cache
def system_tls() -> ssl.SSLContext:
    """The system's authorities. Reading them takes long, and they are the same for everyone."""
    return httpx2.create_ssl_context(trust_env=False)
