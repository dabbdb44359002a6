"""The HTTP client of the model providers: through the proxy of the settings, and a response has an end."""

import ssl
from collections.abc import AsyncGenerator
from ipaddress import ip_address, ip_network
from typing import cast

import httpx2

from heartbeat.agents.transport import RepairingTransport
from heartbeat.egress.capped import CappedBody
from heartbeat.settings import Settings

# The longest answers of today's models are below a megabyte.
MAX_BYTES = 16 * 1024 * 1024
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
# A proxy elsewhere could not reach it.
THIS_MACHINE = ("localhost", "127.0.0.0/8", "::1")


def model_http_client(settings: Settings) -> httpx2.AsyncClient:
    """Make a client that repairs responses before they are parsed, and cuts them off at 16 MB (`TooLarge`)."""
    # For each read.
    timeout = float(settings.step_timeout_seconds)
    return httpx2.AsyncClient(transport=RepairingTransport(_Routes(settings)), timeout=timeout, follow_redirects=True)


class _Routes(httpx2.AsyncBaseTransport):
    """Sends each request straight to its host, or through the proxy that the settings have for its scheme.

    Own code: httpx2 reads proxies only for a client without a transport of one's own.
    """

    def __init__(self, settings: Settings) -> None:
        tls = _tls(settings)
        proxies = {"http": settings.http_proxy, "https": settings.https_proxy}
        addresses = {scheme: proxy.get_secret_value() for scheme, proxy in proxies.items() if proxy}
        self._direct = _Capped(verify=tls, limits=LIMITS)
        self._proxied = {
            scheme: _Capped(verify=tls, limits=LIMITS, proxy=_proxy(address, tls))
            for scheme, address in addresses.items()
        }
        self._exceptions = [entry.strip().lower() for entry in (settings.no_proxy or "").split(",") if entry.strip()]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        proxied = self._proxied.get(request.url.scheme)
        if proxied is None or is_direct(request.url, self._exceptions):
            return await self._direct.handle_async_request(request)
        return await proxied.handle_async_request(request)

    async def aclose(self) -> None:
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()


def is_direct(url: httpx2.URL, exceptions: list[str]) -> bool:
    """Decide whether `url` is asked without a proxy: this machine always, and what `exceptions` (NO_PROXY) list.

    One is `*`, a name with every name below it, an address, a network, or one of these with a port.
    """
    host, port = url.host.lower().rstrip("."), url.port or {"http": 80, "https": 443}.get(url.scheme)
    return "*" in exceptions or any(
        _matches(entry.removesuffix(f":{port}").strip("[]"), host) for entry in (*THIS_MACHINE, *exceptions)
    )


def _matches(entry: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        name = entry.lstrip("*").lstrip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))


def _proxy(address: str, tls: ssl.SSLContext) -> httpx2.Proxy:
    return httpx2.Proxy(address, ssl_context=tls if address.lower().startswith("https:") else None)


def _tls(settings: Settings) -> ssl.SSLContext:
    """The authorities of the settings in place of the system's."""
    if settings.ssl_cert_file:
        return ssl.create_default_context(cafile=settings.ssl_cert_file)
    return httpx2.create_ssl_context()


class _Capped(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        response.stream = CappedBody(cast(AsyncGenerator[bytes], aiter(stream)), stream.aclose, MAX_BYTES)
        return response
