"""One MCP session with a tool server, over whichever transport it speaks. Importing this loads the MCP SDK."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

import anyio
import httpx2
from mcp.client.client import Client
from mcp.client.session import ClientSession, ElicitationFnT, MessageHandlerFnT
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestParams, ElicitResult, Implementation
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.replies import with_originals
from heartbeat.agents.tools.mcp.traffic import SessionTransport, Traffic
from heartbeat.egress.client import Guard, guarded_client
from heartbeat.settings import Settings

MAX_EVENT_BYTES = 8 * 1024 * 1024
MAX_BODY_BYTES = 2 * MAX_EVENT_BYTES
# All answers of a session of the sse transport are one body.
MAX_STREAM_BYTES = 16 * MAX_BODY_BYTES
SPARE_SECONDS = 5
CLIENT_INFO = Implementation(name="heartbeat", version="1")
MAX_REMEMBERED = 1_000

# Servers that were found to speak the protocol of 2025, with which asking for that of 2026 first costs a request, and
# up to ten seconds where it is never answered. Latest last.
_of_2025: dict[tuple[str, ...], None] = {}

# The SDK logs what it raises or ends as well, with addresses; whoever called is told in words. "client" is its own.
for noisy in ("mcp", "client", "httpx2"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)


class HttpRejection(Exception):
    """The server answered one of the session's requests with an HTTP error; its `Traffic` has the status."""


async def _decline(context: Any, params: ElicitRequestParams) -> ElicitResult:
    """Refuse what a server asks: one that is told so can go on without an answer, or say that it cannot."""
    return ElicitResult(action="decline")


@asynccontextmanager
async def session(
    server: McpServer,
    settings: Settings,
    traffic: Traffic,
    on_message: MessageHandlerFnT | None = None,
    on_question: ElicitationFnT = _decline,
) -> AsyncIterator[ClientSession]:
    """An open session; whatever goes wrong below is raised, often in an exception group.

    Raises `HttpRejection` when the server answered a message of the sse transport with an HTTP error.
    """
    # Nobody speaks the protocol of 2026 over the transport that it retired.
    address = (server.transport, server.url, *server.command)
    is_old = server.transport == "sse" or address in _of_2025
    mode: Literal["legacy", "auto"] = "legacy" if is_old else "auto"
    _of_2025.pop(address, None)
    with anyio.CancelScope() as scope:
        traffic.give_up = scope.cancel if server.transport == "sse" else None
        transport = with_originals(_transport(server, settings, traffic), traffic, is_pipe=server.transport == "stdio")
        async with Client(
            transport,
            mode=mode,
            client_info=CLIENT_INFO,
            cache=None,
            message_handler=on_message,
            elicitation_callback=on_question,
        ) as client:
            if client.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
                _remember(address)
            yield client.session
    if scope.cancelled_caught:
        raise HttpRejection


def _remember(address: tuple[str, ...]) -> None:
    _of_2025[address] = None
    if len(_of_2025) > MAX_REMEMBERED:
        del _of_2025[next(iter(_of_2025))]


def _transport(server: McpServer, settings: Settings, traffic: Traffic) -> AbstractAsyncContextManager[Any]:
    if server.transport == "stdio":
        command, *args = server.command
        parameters = StdioServerParameters(command=command, args=args, env=dict(server.env))
        return stdio_client(parameters, errlog=sys.__stderr__ or sys.stderr)
    if server.transport == "sse":

        def guarded(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
            return _http(server, settings, traffic)

        return sse_client(server.url, httpx_client_factory=guarded)
    return _streamable(server, settings, traffic)


@asynccontextmanager
async def _streamable(server: McpServer, settings: Settings, traffic: Traffic) -> AsyncIterator[Any]:
    async with (
        _http(server, settings, traffic) as http,
        streamable_http_client(server.url, http_client=http, max_sse_event_size=MAX_EVENT_BYTES) as streams,
    ):
        yield streams


def _http(server: McpServer, settings: Settings, traffic: Traffic) -> httpx2.AsyncClient:
    is_stream = server.transport == "sse"
    return guarded_client(
        Guard(settings.egress_allow),
        # Longer than the call itself is given: of two time-outs at one moment, the wrong one may be told.
        timeout=settings.tool_timeout_seconds + SPARE_SECONDS,
        headers=server.headers,
        max_bytes=MAX_STREAM_BYTES if is_stream else MAX_BODY_BYTES,
        within=lambda transport: SessionTransport(transport, traffic, answers_inline=not is_stream),
    )
