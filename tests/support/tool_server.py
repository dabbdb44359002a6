"""A tool server on loopback: real MCP, made with its SDK. It remembers every call that reached it.

In a test: `ToolServer()`, a thread of its own; `url` speaks streamable HTTP and `sse_url` the older transport, from any
process. `python -m tests.tool_server http` is the same in a process of its own (it prints its address), and
`python -m tests.tool_server stdio` speaks over its pipes. `GET /made` tells other processes what was called.
"""

import asyncio
import base64
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.auth.settings import AuthSettings
from mcp.server.lowlevel import Server
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    ImageContent,
    ListToolsResult,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.thread_server import ThreadServer

if TYPE_CHECKING:
    from tests.support.authorization_server import AuthorizationServer

KEY = "heartbeat/idempotency-key"
LARGE = 5 * 1024 * 1024
WHAT = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
ANY_NAME = TransportSecuritySettings(enable_dns_rebinding_protection=False)
PICTURE = bytes(34 * 1024)


@dataclass(frozen=True)
class Made:
    """One call as it reached the server; `key` came in `_meta`, `header` as `Idempotency-Key`.

    `traceparents` are those of `_meta` and of the headers.
    """

    tool: str
    arguments: dict[str, Any]
    key: str | None
    header: str | None
    traceparents: tuple[str | None, str | None] = (None, None)


@dataclass
class Desk:
    """What the tools do and remember. `changed` gives `forecast` another schema, `hidden` takes tools away.

    `die` ends the process it is called in, so it is hidden where that is the test's.
    """

    made: list[Made] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    abandoned: int = 0
    changed: bool = False
    hidden: set[str] = field(default_factory=lambda: {"die"})
    journal: Path | None = None
    before_answering: Callable[[], object] | None = None

    def times(self, tool: str) -> int:
        """How often `tool` was called."""
        return sum(one.tool == tool for one in self.made)

    def tools(self) -> list[Tool]:
        where: dict[str, Any] = {"type": "string", "description": "A town."}
        forecast = {"type": "object", "properties": {"town": where} | ({"days": where} if self.changed else {})}
        reads, repeats = ToolAnnotations(read_only_hint=True), ToolAnnotations(idempotent_hint=True)
        offered = [
            Tool(name="read_note", description="Read a note.", input_schema=WHAT, annotations=reads),
            Tool(name="book", description="Book something.", input_schema=WHAT),
            Tool(name="put_note", description="Write a note.", input_schema=WHAT, annotations=repeats),
            Tool(name="wait", description="Answers when it is released.", input_schema=NOTHING),
            Tool(name="large", description="Answers 5 MB.", input_schema=NOTHING, annotations=reads),
            Tool(name="forecast", description="The weather.", input_schema=forecast, annotations=reads),
            Tool(name="refuse", description="Always fails.", input_schema=NOTHING),
            Tool(name="picture", description="Answers a picture.", input_schema=NOTHING),
            Tool(name="table", description="Answers data.", input_schema=NOTHING),
            Tool(name="die", description="Takes the server with it.", input_schema=NOTHING),
            Tool(name="whoami", description="Answers the caller's headers.", input_schema=NOTHING),
        ]
        return [tool for tool in offered if tool.name not in self.hidden]

    async def list_tools(self, ctx: Any, params: Any) -> ListToolsResult:
        """Two pages, as a server with many tools would."""
        tools = self.tools()
        if params is not None and params.cursor == "rest":
            return ListToolsResult(tools=tools[4:])
        return ListToolsResult(tools=tools[:4], next_cursor="rest")

    async def call_tool(self, ctx: Any, params: Any) -> CallToolResult:
        arguments = params.arguments or {}
        headers = ctx.request.headers if ctx.request is not None else {}
        meta = ctx.meta or {}
        contexts = (meta.get("traceparent"), headers.get("traceparent"))
        call = Made(params.name, arguments, meta.get(KEY), headers.get("idempotency-key"), contexts)
        self.made.append(call)
        if self.journal is not None:
            with self.journal.open("a") as file:
                file.write(json.dumps(asdict(call) | {"pid": os.getpid()}) + "\n")
        if self.before_answering is not None:
            await asyncio.to_thread(self.before_answering)
        answers: dict[str, Callable[[], str]] = {
            "read_note": lambda: f"{arguments['what']}: water the plants.",
            "book": lambda: f"Booked {arguments['what']}, number {self.times('book')}.",
            "put_note": lambda: f"Written: {arguments['what']}.",
            "large": lambda: "x" * LARGE,
            "forecast": lambda: "Sun.",
            "whoami": lambda: _headers(ctx.request),
        }
        match params.name:
            case "wait":
                return await self._wait()
            case "die":
                os._exit(1)
            case "refuse":
                return CallToolResult(content=[TextContent(text="The shop is closed.")], is_error=True)
            case "picture":
                image = ImageContent(data=base64.b64encode(PICTURE).decode(), mime_type="image/png")
                return CallToolResult(content=[TextContent(text="The garden:"), image])
            case "table":
                return CallToolResult(content=[], structured_content={"rows": [1, 2], "unit": "€"})
        try:
            return CallToolResult(content=[TextContent(text=answers[params.name]())])
        except KeyError as missing:
            raise MCPError(INVALID_PARAMS, f"{missing} is missing") from None

    async def _wait(self) -> CallToolResult:
        try:
            while not self.released.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        return CallToolResult(content=[TextContent(text="Released.")])

    def server(self) -> Server[Any]:
        return Server("peer", version="1", on_list_tools=self.list_tools, on_call_tool=self.call_tool)


class ToolServer(Desk, ThreadServer):
    """A `Desk` behind HTTP. `header` must be sent by callers; `modern` false speaks the protocol of 2025 alone.

    `authorization` is a server whose access tokens callers must send; `wants` are the scopes that a call of a tool
    needs, by its name. `keyed` counts the requests of any kind that carried an `Idempotency-Key`; `broken` is a status
    that a proxy before the server answers calls with; `mute_goodbye` leaves the end of a session without an answer.
    """

    # What a token must be good for, and the metadata name; `None` leaves both out.
    required_scopes: tuple[str, ...] | None = ("notes:read",)

    def __init__(
        self,
        header: tuple[str, str] | None = None,
        *,
        modern: bool = True,
        journal: Path | None = None,
        port: int = 0,
        authorization: "AuthorizationServer | None" = None,
    ) -> None:
        Desk.__init__(self, journal=journal)
        self._header, self._modern, self._authorization = header, modern, authorization
        self.keyed = 0
        self.broken: int | None = None
        self.mute_goodbye = False
        self.wants: dict[str, str] = {}
        ThreadServer.__init__(self, port)
        self.origin = self.url
        self.url, self.sse_url = f"{self.origin}/mcp", f"{self.origin}/sse"

    def close(self) -> None:
        """Stop; nothing listens at the address any more."""
        self.released.set()
        super().close()

    def app(self) -> ASGIApp:
        server, sse = self.server(), SseServerTransport("/messages/")

        async def listen(request: Request) -> Response:
            async with sse.connect_sse(request.scope, request.receive, request._send) as (read, write):
                await server.run(read, write, server.create_initialization_options())
            return Response()

        async def made(request: Request) -> Response:
            return JSONResponse([asdict(one) for one in self.made])

        routes: list[Any] = [
            Route("/sse", listen),
            Mount("/messages/", app=sse.handle_post_message),
            Route("/made", made),
        ]
        return self._at_the_door(
            server.streamable_http_app(
                custom_starlette_routes=routes, transport_security=ANY_NAME, **self._authorized()
            )
        )

    def _authorized(self) -> dict[str, Any]:
        """The SDK's own door: 401 with the address of the metadata (RFC 9728), which it serves too."""
        if self._authorization is None:
            return {}
        auth = AuthSettings(
            issuer_url=self._authorization.url,
            resource_server_url=f"http://127.0.0.1:{self.port}/mcp",
            required_scopes=list(self.required_scopes) if self.required_scopes else None,
            validate_token_resource=True,
        )
        return {"auth": auth, "token_verifier": self._authorization}

    def _at_the_door(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope.get("headers", ()))
            self.keyed += b"idempotency-key" in headers
            if scope["type"] == "http" and self._header is not None:
                name, value = self._header
                if headers.get(name.lower().encode()) != value.encode():
                    return await PlainTextResponse("Who are you?", 401)(scope, receive, send)
            if not self._modern and headers.get(b"mcp-protocol-version", b"").startswith(b"2026"):
                return await PlainTextResponse("Unsupported protocol version", 400)(scope, receive, send)
            if self.broken is not None and b"idempotency-key" in headers:
                return await PlainTextResponse("Bad gateway", self.broken)(scope, receive, send)
            if self.wants and scope.get("method") == "POST":
                body, receive = await _read(receive)
                scope_wanted = self.wants.get(_called(body), "")
                if not await self._is_granted(headers, scope_wanted):
                    challenge = f'Bearer error="insufficient_scope", scope="{scope_wanted}"'
                    refusal = PlainTextResponse("No.", 403, {"WWW-Authenticate": challenge})
                    return await refusal(scope, receive, send)
            if self.mute_goodbye and scope.get("method") == "DELETE":
                while not self.released.is_set():
                    await asyncio.sleep(0.01)
            return await app(scope, receive, send)

        return guarded

    async def _is_granted(self, headers: dict[bytes, bytes], wanted: str) -> bool:
        assert self._authorization is not None
        bearer = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        token = await self._authorization.verify_token(bearer)
        return token is None or not wanted or wanted in token.scopes


def _called(body: bytes) -> str:
    message = json.loads(body)
    return str(message["params"]["name"]) if message.get("method") == "tools/call" else ""


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body of a request, and how to receive it again."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    whole = [{"type": "http.request", "body": body}]

    async def again() -> Any:
        return whole.pop() if whole else await receive()

    return body, again


def _headers(request: Request | None) -> str:
    """Everything the caller said of itself; over pipes, the environment it gave."""
    said = request.headers if request is not None else os.environ
    return "\n".join(f"{name}: {value}" for name, value in said.items())


async def over_pipes(desk: Desk) -> None:
    """Speak MCP over standard input and output until they close."""
    server = desk.server()
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main() -> None:
    """`http` or `stdio`; `TOOL_JOURNAL` names a file that gets a line for each call."""
    journal = Path(os.environ["TOOL_JOURNAL"]) if "TOOL_JOURNAL" in os.environ else None
    if sys.argv[1:] == ["stdio"]:
        asyncio.run(over_pipes(Desk(journal=journal, hidden=set())))
    else:
        server = ToolServer(journal=journal)
        server.hidden.clear()
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
