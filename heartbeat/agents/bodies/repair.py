"""A provider's response put right before a client library parses it: the one place for every shape that servers give.

A good answer in an odd shape is taken. An error inside a 200 gets the status that it means. What is no answer at all
raises `UnusableResponse` in plain words. The shapes are files in tests/corpus/answers: a newly seen one becomes a file
there.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from heartbeat.agents.bodies import anthropic, google, openai
from heartbeat.agents.bodies.errors import error_inside, error_repaired, is_unreadable_call, status_alike
from heartbeat.agents.bodies.shapes import TokenUsage, UnreadableCall
from heartbeat.agents.bodies.waits import wait_of

CHECK_ADDRESS = "check the provider's address, and whether a proxy or a login stands before it"
# These redirects are followed. Any other makes a GET of the request, which is none to a model.
KEEPS_METHOD = (307, 308)
UNREADABLE_CALL = "a tool call that it could not read itself"
# Blank lines and comments before the JSON keep a connection open: OpenRouter's.
BEFORE = re.compile(r"(?:[\s\x00]|:[^\n]*\n)*")
TITLE = re.compile(rb"<title[^>]*>\s*(.{1,80}?)\s*</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Dialect:
    """How one kind of API writes its answers. `completion` puts one right, and returns `None` when it is none.

    `usage` reads the tokens that a body says were used, `None` when it says nothing.
    """

    path: str
    completion: Callable[[dict[str, Any]], dict[str, Any] | None]
    usage: Callable[[dict[str, Any]], TokenUsage | None]


DIALECTS = (
    Dialect("/chat/completions", openai.completion, openai.usage),
    Dialect("/messages", anthropic.message, anthropic.usage),
    Dialect(":generateContent", google.content, google.usage),
)


class UnusableResponse(Exception):
    """A response with a status of success that is no answer. `str()` says what came instead, without its text.

    `usage` is what it says was used. Without it, `written` is how many bytes of it a model may have written: it was
    paid for all the same. Of a page or an empty body that is `None`.
    """

    def __init__(
        self, message: str, usage: TokenUsage | None = None, written: int | None = None, code: str = "bad_answer"
    ) -> None:
        super().__init__(message)
        self.code = code
        self.usage = usage
        self.written = written


@dataclass(frozen=True)
class Repaired:
    """A response as the libraries take it; `wait` is for how many seconds its provider asks."""

    status: int
    content: bytes
    wait: float | None = None


def repaired(path: str, status: int, headers: Mapping[str, str], content: bytes, now: float) -> Repaired:
    """Put a response right; `path` is its request's, header names are in lower case, `now` is the Unix time.

    Raises `UnusableResponse` for one with a status of success that is no answer.
    """
    dialect = next((one for one in DIALECTS if path.endswith(one.path)), None)
    if dialect is None or (status in KEEPS_METHOD and "location" in headers):
        return Repaired(status, content)
    if 300 <= status < 400:
        raise UnusableResponse(f"a redirect; {CHECK_ADDRESS}")
    body, problem = _parsed(headers, content, dialect)
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict):
        body = body[0]
    if status >= 400:
        return _failed(status, headers, body, content, now, dialect.usage(body) if isinstance(body, dict) else None)
    if problem is not None:
        raise problem
    if not isinstance(body, dict):
        raise UnusableResponse("something else than an object in its JSON")
    if (error := error_inside(body)) is not None:
        return _failed(error.status, headers, error.body, content, now, dialect.usage(body))
    try:
        completion = dialect.completion(body)
    except UnreadableCall as cause:
        raise UnusableResponse(UNREADABLE_CALL, dialect.usage(body), code="malformed_tool_call") from cause
    if completion is None:
        raise UnusableResponse("an answer without any content", dialect.usage(body))
    return Repaired(200, json.dumps(completion).encode())


def _failed(
    status: int, headers: Mapping[str, str], body: Any, content: bytes, now: float, used: TokenUsage | None
) -> Repaired:
    if is_unreadable_call(body):
        raise UnusableResponse(UNREADABLE_CALL, used, code="malformed_tool_call")
    wait = wait_of(headers, body, now)
    status = status_alike(status, body)
    if not isinstance(body, dict):
        return Repaired(status, _cut(content), wait)
    error = error_repaired(status, body)
    if used is not None:
        # The libraries hand on nothing but the error.
        error["error"]["used"] = vars(used)
    return Repaired(status, json.dumps(error).encode(), wait)


def _parsed(headers: Mapping[str, str], content: bytes, dialect: Dialect) -> tuple[Any, UnusableResponse | None]:
    """The JSON of a body, or what it is instead."""
    text = _without_padding(content.decode("utf-8-sig", "replace"))
    if not text:
        return None, UnusableResponse("an empty body")
    try:
        # Some servers leave line ends and tabs in strings unescaped.
        return json.loads(text, strict=False), None
    except (ValueError, RecursionError):
        pass
    if "event-stream" in headers.get("content-type", "") or text.startswith(("data:", "event:", ":")):
        used = _usage_in_stream(text, dialect)
        return None, UnusableResponse("a stream, which was not asked for", used, len(content))
    if text.startswith("<"):
        title = TITLE.search(content)
        named = f" titled “{title.group(1).decode('utf-8', 'replace')}”" if title else ""
        return None, UnusableResponse(f"a web page{named}; {CHECK_ADDRESS}")
    if text.startswith(("{", "[")):
        return None, UnusableResponse("JSON that breaks off", written=len(content))
    return None, UnusableResponse("text that is no JSON")


def _without_padding(text: str) -> str:
    """What stands between the comments before a body and the end of a stream that is none after it."""
    before = BEFORE.match(text)
    return text[before.end() if before else 0 :].rstrip(" \t\r\n\x00").removesuffix("data: [DONE]").rstrip()


def _usage_in_stream(text: str, dialect: Dialect) -> TokenUsage | None:
    """What the last event of a stream with a count says was used."""
    for line in reversed(text.splitlines()):
        with suppress(ValueError, RecursionError):
            event = json.loads(line.removeprefix("data:"))
            if isinstance(event, dict) and (used := dialect.usage(event)) is not None:
                return used
    return None


def _cut(content: bytes) -> bytes:
    """The words of a failed response that is no JSON: a page has a title, a log need not have the rest."""
    if content.lstrip()[:1] == b"<":
        title = TITLE.search(content)
        return title.group(1) if title else b""
    return content[:2000]
