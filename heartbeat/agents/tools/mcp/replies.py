"""Replies of a tool server, handed on whole. The SDK drops a reply that does not fit the protocol, as if none had come.

Each reply that lists, calls or reads goes through the SDK as one that always fits and has the original in its
`_meta`; `original` takes it out again. How it is read is up to listing.py and results.py. A server that introduces
itself in an odd way is introduced in the usual one.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import anyio
from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    Result,
    jsonrpc_message_adapter,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError

from heartbeat.agents.tools.mcp.envelopes import answer_to, read_json, readable_error
from heartbeat.agents.tools.mcp.traffic import Traffic, call_key

ORIGINAL = "heartbeat/original"
# What each kind of reply has to have, to fit; of those that may be kept for later, also for how long.
NOT_CACHEABLE: dict[str, dict[str, Any]] = {
    "tools/call": {"content": [], "isError": False},
    "prompts/get": {"messages": []},
}
CACHEABLE: dict[str, str] = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "resources/read": "contents",
    "prompts/list": "prompts",
}
READABLE = ("resources", "prompts")


def original(result: Result) -> dict[str, Any]:
    """What the server sent, of a result that came through `with_originals`."""
    reply: dict[str, Any] = (result.meta or {})[ORIGINAL]
    return reply


@asynccontextmanager
async def with_originals(transport: Transport, traffic: Traffic, is_pipe: bool) -> AsyncIterator[Any]:
    """The streams of `transport`, every reply made into one that the SDK hands on; `traffic` notes what is sent."""
    methods: dict[RequestId, str] = {}
    async with transport as (reading, writing):
        yield _Replies(reading, methods, is_pipe), _Requests(writing, methods, traffic)


class _Stream:
    """What both directions share: a stream is left with the one that it wraps."""

    def __init__(self, stream: Any, methods: dict[RequestId, str]) -> None:
        self._stream = stream
        self._methods = methods

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        left: bool | None = await self._stream.__aexit__(*raised)
        return left


class _Requests(_Stream):
    def __init__(self, stream: Any, methods: dict[RequestId, str], traffic: Traffic) -> None:
        super().__init__(stream, methods)
        self._traffic = traffic

    async def send(self, item: SessionMessage) -> None:
        if not isinstance(item.message, JSONRPCRequest):
            await self._stream.send(item)
            return
        self._methods[item.message.id] = item.message.method
        key = call_key({"method": item.message.method, "params": item.message.params})
        # Before it is: when this is interrupted it may be on its way.
        self._traffic.sent.add(key)
        try:
            await self._stream.send(item)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._traffic.sent.discard(key)
            raise


class _Replies(_Stream):
    def __init__(self, stream: Any, methods: dict[RequestId, str], is_pipe: bool) -> None:
        super().__init__(stream, methods)
        self._is_pipe = is_pipe

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return self._read(await anext(self._stream))

    async def receive(self) -> SessionMessage | Exception:
        return self._read(await self._stream.receive())

    def _read(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, ValidationError):
            item = self._meant(item)
        if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse):
            method = self._methods.pop(_own_id(item.message.id) or 0, "")
            item.message.result = fitting(method, item.message.result)
        elif self._is_pipe and isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCError):
            # Over HTTP the SDK puts in errors of its own, so those of servers are made readable before it sees them.
            item.message.error = ErrorData.model_validate(readable_error(item.message.error.model_dump()))
        return item

    def _meant(self, problem: ValidationError) -> SessionMessage | Exception:
        """The answer that a server means by a message that is none; `problem` itself if it names no request of ours.

        Over a pipe lines of a log come as well, and over the sse transport the answers to several requests.
        """
        for entry in _entries(problem):
            request_id = _own_id(entry.get("id"))
            if request_id in self._methods and (
                answer := answer_to({"id": request_id, "method": self._methods[request_id]}, entry)
            ):
                return SessionMessage(jsonrpc_message_adapter.validate_python(answer))
        return problem


def _entries(problem: ValidationError) -> list[dict[str, Any]]:
    """What the SDK could not read, if it is an object without a method, or a list of objects."""
    parsed: Any = None
    for error in problem.errors(include_url=False):
        if error["type"] == "json_invalid":
            with suppress(ValueError, RecursionError):
                parsed = read_json(error["input"])
        elif error["type"] == "model_type" or error["loc"][-1:] == ("method",):
            parsed = parsed or error["input"]
    return [entry for entry in (parsed if isinstance(parsed, list) else [parsed]) if isinstance(entry, dict)]


def _own_id(reply_id: Any) -> RequestId | None:
    """Ids of ours are numbers; some servers write them as texts."""
    if isinstance(reply_id, str) and reply_id.isdecimal():
        return int(reply_id)
    return reply_id if isinstance(reply_id, str | int) and not isinstance(reply_id, bool) else None


def fitting(method: str, reply: dict[str, Any]) -> dict[str, Any]:
    """Make `reply` one that fits every version of the protocol."""
    original_reply = {"resultType": "complete", "_meta": {ORIGINAL: reply}}
    if method in NOT_CACHEABLE:
        return {**NOT_CACHEABLE[method], **original_reply}
    if method in CACHEABLE:
        entries = _with_headers(reply) if method == "tools/list" else []
        return {CACHEABLE[method]: entries, "ttlMs": 0, "cacheScope": "private", **original_reply}
    return _introduction(reply) if method == "initialize" else reply


def _with_headers(reply: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tools whose calls repeat arguments as headers (`x-mcp-header`): the SDK has to know their schemas."""
    entries = reply.get("tools")
    return [
        {"name": entry["name"], "inputSchema": schema}
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and isinstance(schema := entry.get("inputSchema"), dict)
        and schema.get("type") == "object"
        and "x-mcp-header" in str(schema)
    ]


def _introduction(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to `initialize`: the version counts, and what there is to read beside tools.

    One without a date is spoken to in the oldest way.
    """
    version, declared = reply.get("protocolVersion"), reply.get("capabilities")
    readable = [name for name in READABLE if isinstance(declared, dict) and isinstance(declared.get(name), dict)]
    return {
        "protocolVersion": version if version in HANDSHAKE_PROTOCOL_VERSIONS else HANDSHAKE_PROTOCOL_VERSIONS[0],
        "capabilities": {name: {} for name in ("tools", *readable)},
        "serverInfo": {"name": "a tool server", "version": "1"},
    }
