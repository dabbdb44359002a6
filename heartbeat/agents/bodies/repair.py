"""A provider's response put right before a client library parses it: the one place for every shape that servers give.

A good answer in an odd shape is taken. An error inside a 200 gets the status that it means. What is no answer at all
raises `UnusableResponse` in plain words. The shapes are files in tests/corpus/answers: a newly seen one becomes a file
there.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from heartbeat.agents.bodies import anthropic, google, openai
from heartbeat.agents.bodies.errors import error_inside, error_repaired
from heartbeat.agents.bodies.waits import wait_of

TITLE = re.compile(rb"<title[^>]*>\s*(.{1,80}?)\s*</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Dialect:
    """How one kind of API writes its answers. `completion` puts one right, and returns `None` when it is none."""

    path: str
    completion: Callable[[dict[str, Any]], dict[str, Any] | None]


DIALECTS = (
    Dialect("/chat/completions", openai.completion),
    Dialect("/messages", anthropic.message),
    Dialect(":generateContent", google.content),
)


class UnusableResponse(Exception):
    """A response with a status of success that is no answer. `str()` says what came instead, without its text."""


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
    if dialect is None or 300 <= status < 400:
        return Repaired(status, content)
    body, problem = _parsed(headers, content)
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict):
        body = body[0]
    if status >= 400:
        return _failed(status, headers, body, content, now)
    if not isinstance(body, dict):
        raise UnusableResponse(problem or "something else than an object in its JSON")
    if (error := error_inside(body)) is not None:
        return _failed(error.status, headers, error.body, content, now)
    completion = dialect.completion(body)
    if completion is None:
        raise UnusableResponse("an answer without any content")
    return Repaired(200, json.dumps(completion).encode())


def _failed(status: int, headers: Mapping[str, str], body: Any, content: bytes, now: float) -> Repaired:
    wait = wait_of(headers, body, now)
    if not isinstance(body, dict):
        return Repaired(status, _cut(content), wait)
    return Repaired(status, json.dumps(error_repaired(status, body)).encode(), wait)


def _parsed(headers: Mapping[str, str], content: bytes) -> tuple[Any, str | None]:
    """The JSON of a body, or what it is instead."""
    text = content.decode("utf-8-sig", "replace").strip()
    if not text:
        return None, "an empty body"
    try:
        # Some servers leave line ends and tabs in strings unescaped.
        return json.loads(text, strict=False), None
    except (ValueError, RecursionError):
        pass
    if "event-stream" in headers.get("content-type", "") or text.startswith(("data:", "event:", ":")):
        return None, "a stream, which was not asked for"
    if text.startswith("<"):
        title = TITLE.search(content)
        named = f" titled “{title.group(1).decode('utf-8', 'replace')}”" if title else ""
        return None, f"a web page{named}; check the provider's address, and whether a proxy or a login stands before it"
    return None, "JSON that breaks off" if text.startswith(("{", "[")) else "text that is no JSON"


def _cut(content: bytes) -> bytes:
    """The words of a failed response that is no JSON: a page has a title, a log need not have the rest."""
    if content.lstrip()[:1] == b"<":
        title = TITLE.search(content)
        return title.group(1) if title else b""
    return content[:2000]
