"""The outermost middleware: request ids, the size and type of bodies, how long the database is waited for, metrics, and
what happens on a bug of ours.
"""

import logging
import re
from collections.abc import Callable
from time import perf_counter

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_response, unexpected
from api.middleware.metrics import Metrics
from api.quota_headers import quota_headers
from heartbeat.domain.errors import ProductError
from heartbeat.domain.ids import new_request_id
from heartbeat.store.database.database import wait_at_most
from heartbeat.telemetry.light_structlog import structlog

log = logging.getLogger(__name__)

# What is called with JSON; everything else is a page, and its bodies are forms.
JSON_PATHS = "/v1/"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
WITH_BODY = {"POST", "PUT", "PATCH"}
# How what is refused out here is answered.
Refuse = Callable[[Request, ProductError], Response]
SANE_ID = re.compile(r"[A-Za-z0-9_.:/+=-]{1,128}")


class RequestLimits:
    """Wraps the application. A body is read here, whole, before anything else looks at the request.

    Own code: Starlette limits no body, and what is refused out here, past every handler, must look like our errors.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, max_body_bytes: int, database_seconds: float, refuse: Refuse
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._limit = max_body_bytes
        self._database_seconds = database_seconds
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0
        request_id = scope["heartbeat.request_id"] = _request_id(scope)

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *quota_headers(scope),
                ]
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            admitted = await self._admit(scope, receive)
            with wait_at_most(self._database_seconds):
                await self._app(scope, admitted, tagged)
        except ClientDisconnect:
            log.debug("request %s: the client left before its body had come", request_id)
        except ProductError as problem:
            await self._refuse(Request(scope), problem)(scope, receive, tagged)
        except Exception:
            log.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])
            if status:
                raise
            await error_response(unexpected())(scope, receive, tagged)
        finally:
            self._ended(scope, status, perf_counter() - began)

    def _ended(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _method(scope), _route(scope)
        self._metrics.observe(method, route, status, seconds)
        if log.isEnabledFor(logging.INFO):
            # By its route, for a path can be a link that opens something.
            fields = {"method": method, "route": route, "status": status, "milliseconds": round(seconds * 1000, 1)}
            log.info("request", extra=fields)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        """Read the body and return a `receive` that gives it again; raises `ProductError` (413, 415)."""
        if scope["method"] not in WITH_BODY:
            return receive
        headers = Headers(scope=scope)
        body = await self._body(headers, receive)
        may_be_a_form = not scope["path"].startswith(JSON_PATHS)
        if body and not may_be_a_form and not _is_json(headers.get("content-type", "application/json")):
            raise ProductError("Send JSON, with `Content-Type: application/json`.", "unsupported_media_type", 415)
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        return replay

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and len(announced) < 20 and int(announced) > self._limit:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self._limit:
                raise self._too_large()
            if not message.get("more_body"):
                return bytes(body)

    def _too_large(self) -> ProductError:
        return ProductError(f"The body is larger than {self._limit} bytes; send less.", "body_too_large", 413)


def _request_id(scope: Scope) -> str:
    """Return the caller's own id if it is fit for a log, else a new one."""
    header = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return header if SANE_ID.fullmatch(header) else new_request_id()


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else "other"


def _route(scope: Scope) -> str:
    """Return the route's pattern, never the path: a label must have few values."""
    path: str = getattr(scope.get("route"), "path", "none")
    return path
