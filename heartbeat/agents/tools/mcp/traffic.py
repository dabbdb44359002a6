"""The HTTP of one MCP session: what is sent gets its key and its time, what comes back is made readable and noted.

A request that fails takes no other down with it: for a tool call the SDK is told so in a message, and `Traffic` has the
reason.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.client.auth.utils import extract_field_from_www_auth, extract_scope_from_www_auth
from mcp_types import CONNECTION_CLOSED

from heartbeat.agents.tools.definitions import AccessToken
from heartbeat.agents.tools.mcp.envelopes import message
from heartbeat.agents.tools.mcp.events import ReadableEvents
from heartbeat.domain.tool_limits import LONGEST_CALL_SECONDS

KEY = "heartbeat/idempotency-key"
# The W3C's name, in headers and in `_meta` alike.
TRACEPARENT = "traceparent"
# Its answer is a stream of events for as long as the session, and its failure ends nothing else.
LISTEN = "subscriptions/listen"
KEY_HEADER, SESSION_HEADER = "Idempotency-Key", "mcp-session-id"
JSON, EVENTS = "application/json", "text/event-stream"
# Of the body as it was sent; the message is another.
BODY_HEADERS = {"content-encoding", "content-length", "content-type", "transfer-encoding"}
CLOSE_TIMEOUT = httpx2.Timeout(1.0)
# A stream of events is open as long as its session.
STREAM_SECONDS = 7 * 86_400.0


@dataclass
class Traffic:
    """How the requests of a session went. `status` is the HTTP error of its latest request that was no tool call.

    Of tool calls by their key: those that are `sent`, the HTTP errors they were answered with, and what broke.
    `session_id`: the server keeps a session. `give_up` ends it: the SDK's sse transport goes on waiting after an error.
    `access` is the token that its requests carry.
    """

    status: int | None = None
    sent: set[str] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=dict)
    problems: dict[str, Exception] = field(default_factory=dict)
    session_id: str | None = None
    give_up: Callable[[], None] | None = None
    access: AccessToken | None = None

    def note(self, key: str, response: httpx2.Response) -> None:
        """Note whether a request was answered with an HTTP error."""
        if key and response.is_error:
            self.statuses[key] = response.status_code
        elif not key:
            self.status = response.status_code if response.is_error else None
        self.session_id = response.headers.get(SESSION_HEADER) or self.session_id
        if response.is_error and self.give_up is not None:
            self.give_up()

    def break_off(self, key: str, problem: Exception) -> None:
        """Note why a tool call has no answer."""
        self.problems[key] = problem
        if self.give_up is not None:
            self.give_up()


class SessionTransport(httpx2.AsyncBaseTransport):
    """The requests of one session. `answers_inline`: the answer to a request is the body of its response."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, traffic: Traffic, answers_inline: bool) -> None:
        self._transport = transport
        self._traffic = traffic
        self._answers_inline = answers_inline

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":
            _take_time(request)
            return _with_readable_events(await self._send(request), {})
        rpc_request = json.loads(await request.aread())
        key = call_key(rpc_request)
        is_listening = rpc_request.get("method") == LISTEN
        if key:
            request.headers[KEY_HEADER] = key
            if context := rpc_request["params"]["_meta"].get(TRACEPARENT):
                request.headers[TRACEPARENT] = context
            # Whoever waits for the answer ends it, and later if the server says how far it has come.
            request.extensions["heartbeat.deadline"] = asyncio.get_running_loop().time() + LONGEST_CALL_SECONDS
        if is_listening:
            _take_time(request)
        try:
            response = await self._send(request)
            if not is_listening:
                self._traffic.note(key, response)
            return await self._readable(request, rpc_request, response)
        except httpx2.HTTPError as problem:
            if key:
                self._traffic.break_off(key, problem)
            elif not is_listening:
                raise
            return _response(request, {}, _broken(rpc_request, problem))

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Send with the session's token, and once more with another if the server did not take it.

        Who is answered 401, or 403 for a scope, knows that nothing was done (RFC 9110, 15.5.2; RFC 6750, 3.1).
        """
        access = self._traffic.access
        if access is None:
            return await self._transport.handle_async_request(request)
        await access.freshen()
        token = access.value
        response = await self._transport.handle_async_request(_bearing(request, token))
        refused, scope = _refusal(response)
        try:
            if not (refused and await access.replace(token, scope)):
                return response
        except httpx2.HTTPError:
            await response.aclose()
            raise
        await response.aclose()
        response = await self._transport.handle_async_request(_bearing(request, access.value))
        # Some answer so to whatever they do not know, such as a request for a stream.
        if response.status_code == 401 and request.method == "POST":
            await access.give_up()
        return response

    async def _readable(
        self, request: httpx2.Request, rpc_request: dict[str, Any], response: httpx2.Response
    ) -> httpx2.Response:
        """Make the answer to a request one message, unless it is an error, a redirect or a stream of events."""
        kind = response.headers.get("content-type", "")
        if not (self._answers_inline and "id" in rpc_request and "method" in rpc_request and response.is_success):
            return response
        if kind.lower().startswith(EVENTS):
            return _with_readable_events(response, rpc_request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        headers = {name: value for name, value in response.headers.items() if name not in BODY_HEADERS}
        if body.lstrip().startswith((b"event:", b"data:")):
            events = httpx2.Response(200, headers=headers | {"content-type": EVENTS}, content=body, request=request)
            return _with_readable_events(events, rpc_request)
        return _response(request, headers, message(body, rpc_request, kind))

    async def aclose(self) -> None:
        await self._transport.aclose()


def call_key(rpc_request: dict[str, Any]) -> str:
    """The key of a tool call, or of what stands for one; empty for every other message."""
    parameters = rpc_request.get("params") or {}
    return str((parameters.get("_meta") or {}).get(KEY, ""))


def _bearing(request: httpx2.Request, token: str) -> httpx2.Request:
    # A redirect to another origin leaves it behind (heartbeat/egress/client.py).
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def _refusal(response: httpx2.Response) -> tuple[bool, str | None]:
    """Whether a server refused a token, and the scope that it says is missing if that is why."""
    if response.status_code == 403 and extract_field_from_www_auth(response, "error") == "insufficient_scope":
        return True, extract_scope_from_www_auth(response) or ""
    return response.status_code == 401, None


def _take_time(request: httpx2.Request) -> None:
    """Let no goodbye take long, and a stream of events as long as it likes."""
    if request.method == "DELETE":
        request.extensions["timeout"] = CLOSE_TIMEOUT.as_dict()
        return
    request.extensions["timeout"] = {**request.extensions.get("timeout", {}), "read": None}
    request.extensions["heartbeat.deadline"] = asyncio.get_running_loop().time() + STREAM_SECONDS


def _with_readable_events(response: httpx2.Response, rpc_request: dict[str, Any]) -> httpx2.Response:
    if not (response.is_success and response.headers.get("content-type", "").lower().startswith(EVENTS)):
        return response
    headers = {name: value for name, value in response.headers.items() if name not in BODY_HEADERS}
    return httpx2.Response(
        response.status_code, headers=headers | {"content-type": EVENTS}, stream=ReadableEvents(response, rpc_request)
    )


def _broken(rpc_request: dict[str, Any], problem: Exception) -> dict[str, Any]:
    error = {"code": CONNECTION_CLOSED, "message": type(problem).__name__}
    return {"jsonrpc": "2.0", "id": rpc_request.get("id"), "error": error}


def _response(request: httpx2.Request, headers: dict[str, str], body: dict[str, Any]) -> httpx2.Response:
    content = json.dumps(body).encode()
    return httpx2.Response(200, headers=headers | {"content-type": JSON}, content=content, request=request)
