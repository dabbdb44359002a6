"""One MCP session with a tool server, over whichever transport it speaks. Importing this loads the MCP SDK."""

import json
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import httpx2
from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.egress.client import Guard, guarded_client
from heartbeat.settings import Settings

MAX_EVENT_BYTES = 8 * 1024 * 1024
MAX_BODY_BYTES = 2 * MAX_EVENT_BYTES
CLOSE_TIMEOUT = httpx2.Timeout(1.0)
SPARE_SECONDS = 5
CLIENT_INFO = Implementation(name="heartbeat", version="1")
KEY_HEADER = "Idempotency-Key"

# The SDK logs what it raises or ends as well, with addresses; whoever called is told in words. "client" is its own.
for noisy in ("mcp", "client", "httpx2"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)


class HttpRejection(Exception):
    """The server answered one of the session's requests with an HTTP error; the progress has its status."""


@dataclass
class SessionProgress:
    """How far a session came. `sent`: its tool call is on its way; `status`: the HTTP error it was answered with."""

    key: str = ""
    sent: bool = False
    status: int | None = None
    give_up: Callable[[], None] | None = None

    async def on_request(self, request: httpx2.Request) -> None:
        """Give the tool call, and no other request, its key; let no goodbye take long."""
        if request.method == "DELETE":
            request.extensions["timeout"] = CLOSE_TIMEOUT.as_dict()
        elif request.method == "POST" and json.loads(await request.aread()).get("method") == "tools/call":
            request.headers[KEY_HEADER] = self.key

    async def on_response(self, response: httpx2.Response) -> None:
        """Note an HTTP error. The SDK's sse transport goes on waiting after one, so that session is given up."""
        if response.request.method != "POST":
            return
        self.status = response.status_code if response.is_error else None
        if self.status is not None and self.give_up is not None:
            self.give_up()


@asynccontextmanager
async def session(server: McpServer, settings: Settings, progress: SessionProgress) -> AsyncIterator[ClientSession]:
    """An open session; whatever goes wrong below is raised, often in an exception group.

    Raises `HttpRejection` when the server answered a message of the sse transport with an HTTP error.
    """
    # Nobody speaks the protocol of 2026 over the transport that it retired.
    mode: Literal["legacy", "auto"] = "legacy" if server.transport == "sse" else "auto"
    with anyio.CancelScope() as scope:
        progress.give_up = scope.cancel if server.transport == "sse" else None
        async with Client(
            _transport(server, settings, progress), mode=mode, client_info=CLIENT_INFO, cache=None
        ) as client:
            yield client.session
    if scope.cancelled_caught:
        raise HttpRejection


def _transport(server: McpServer, settings: Settings, progress: SessionProgress) -> AbstractAsyncContextManager[Any]:
    if server.transport == "stdio":
        command, *args = server.command
        parameters = StdioServerParameters(command=command, args=args, env=dict(server.env))
        return stdio_client(parameters, errlog=sys.__stderr__ or sys.stderr)
    if server.transport == "sse":

        def guarded(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
            return _http(server, settings, progress)

        return sse_client(server.url, httpx_client_factory=guarded)
    return _streamable(server, settings, progress)


@asynccontextmanager
async def _streamable(server: McpServer, settings: Settings, progress: SessionProgress) -> AsyncIterator[Any]:
    async with (
        _http(server, settings, progress) as http,
        streamable_http_client(server.url, http_client=http, max_sse_event_size=MAX_EVENT_BYTES) as streams,
    ):
        yield streams


def _http(server: McpServer, settings: Settings, progress: SessionProgress) -> httpx2.AsyncClient:
    # Longer than the session itself is given: of two time-outs at one moment, the wrong one may be told.
    seconds = settings.tool_timeout_seconds + SPARE_SECONDS
    client = guarded_client(
        Guard(settings.egress_allow),
        timeout=seconds,
        headers=server.headers,
        max_bytes=MAX_BODY_BYTES,
    )
    client.event_hooks = {"request": [progress.on_request], "response": [progress.on_response]}
    return client
