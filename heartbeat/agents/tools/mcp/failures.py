"""Why a tool server did not answer, in a sentence without secrets, and whether the call may have been made."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT

from heartbeat.agents.tools.definitions import McpServer, OfferedTool, Outcome, ToolResult
from heartbeat.agents.tools.mcp.authorization.problems import AuthorizationDown, NotSignedIn
from heartbeat.agents.tools.mcp.results import without_secrets
from heartbeat.domain.text import cut_bytes
from heartbeat.egress.capped import TooLarge
from heartbeat.egress.client import Refused
from heartbeat.egress.unreachable import why_unreachable

MAX_BYTES = 500
NEVER_ANSWERED = (CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT)
NEVER_LEFT = (Refused, NotSignedIn, AuthorizationDown, httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
AWAY = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError, TimeoutError)
TOO_EARLY = (408, 425, 429)
# The SDK's words for an HTTP error whose body says nothing.
NO_WORDS = "Server returned an error response"
CHECK = "check the path of its address, and whether its transport is http or sse."
UNSURE = "It may or may not have been carried out: find out before you call it again."


@dataclass(frozen=True)
class CallProblem:
    """What came in the way of a call. `sent`: it was on its way. `status`: the HTTP error it was answered with."""

    cause: Exception
    sent: bool
    status: int | None


def failed_call(tool: OfferedTool, server: McpServer, problem: CallProblem, seconds: int) -> ToolResult:
    """Judge a call that ended in `problem`: `unknown` unless it is sure that it was not carried out.

    `down`: it was not, because its server was away for now.
    """
    sentence = explain(server, problem.cause, problem.status, seconds)
    causes = list(_causes(problem.cause))
    if not problem.sent or any(isinstance(cause, NEVER_LEFT) for cause in causes):
        outcome: Outcome = "down" if _is_away(causes[0], problem.status) else "failed"
        return ToolResult(outcome, f"{tool.name} was not called. {sentence}")
    if any(_is_refusal(cause, problem.status) for cause in causes):
        return ToolResult("failed", f"{tool.name} failed. {sentence}")
    return ToolResult("unknown", f"{tool.name} was called. {sentence.rstrip('.')}. {UNSURE}")


def explain(server: McpServer, problem: Exception, status: int | None, seconds: int) -> str:
    """One sentence that names the server and says what happened; `status` is the HTTP error it answered with."""
    event = _what_happened(next(_causes(problem)), server, status, seconds)
    return cut_bytes(without_secrets(f"The tool server {server.label} {event}", server), MAX_BYTES)


def _causes(problem: BaseException) -> Iterator[BaseException]:
    if isinstance(problem, BaseExceptionGroup):
        for inner in problem.exceptions:
            yield from _causes(inner)
    else:
        yield problem


def _is_refusal(cause: BaseException, status: int | None) -> bool:
    """Whether the server itself declined.

    A 5xx is none: a proxy answers it for a server that goes on. Nor is a 409, the answer to an idempotency key whose
    first call is still under way.
    """
    if status is not None:
        return status < 500 and status != 409
    return isinstance(cause, MCPError) and cause.code not in NEVER_ANSWERED


def _is_away(cause: BaseException, status: int | None) -> bool:
    """Whether the server may be there again by itself. What it declines, or is set up wrongly, a person has to mend."""
    if status is not None:
        return status >= 500 or status in TOO_EARLY
    if isinstance(cause, MCPError):
        return cause.code in NEVER_ANSWERED
    return isinstance(cause, AWAY)


def _what_happened(cause: BaseException, server: McpServer, status: int | None, seconds: int) -> str:
    status = cause.response.status_code if isinstance(cause, httpx2.HTTPStatusError) else status
    match cause:
        case Refused():
            return f"cannot be reached: {cause}"
        case NotSignedIn() | AuthorizationDown():
            return str(cause)
        case _ if status is not None:
            return _refusal(status, cause, server)
        case MCPError() if cause.code == CONNECTION_CLOSED and server.transport == "stdio":
            return "ended before it answered; what it wrote about that is in the worker's log."
        case MCPError() if cause.code in NEVER_ANSWERED:
            return f"did not answer: {cause.message}"
        case MCPError():
            return f"answered with an error: {cause.message}"
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return f"cannot be reached{why_unreachable(cause)}."
        case TimeoutError() | httpx2.TimeoutException():
            return f"did not answer within {seconds} seconds."
        case httpx2.SSEError() if "content type" in str(cause):
            return f"sends no stream of events: {CHECK}"
        case httpx2.SSEError() | TooLarge():
            return f"did not answer as it should: {cause}"
        case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
            return f"has an address that cannot be used: {cause}"
        case httpx2.TransportError():
            return "lost the connection."
        case OSError() if server.transport == "stdio":
            return f"cannot be started: {cause.strerror}."
    if server.transport == "stdio":
        return "does not answer as an MCP server does."
    return f"does not answer as an MCP server does: {CHECK}"


def _refusal(status: int, cause: BaseException, server: McpServer) -> str:
    if status in (401, 403) and server.access is not None:
        return f"does not take our sign-in for this (HTTP {status})."
    if status in (401, 403):
        return f"does not let us in (HTTP {status}): check the headers it is connected with."
    if status in (404, 405, 406) or (server.transport == "sse" and status == 400):
        return f"answered with HTTP {status}: {CHECK}"
    said = cause.message.rstrip(".") if isinstance(cause, MCPError) and cause.message != NO_WORDS else ""
    return f"answered with HTTP {status}{said and f': {said}'}."
