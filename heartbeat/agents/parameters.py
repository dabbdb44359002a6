"""Which parameters a model takes, learned from its own refusals and remembered for its address.

Newer models of OpenAI want `max_completion_tokens`, most compatible servers know `max_tokens` alone; some take no
`temperature`, `parallel_tool_calls` or `strict`. All of them say so in a 400, which costs nothing.
"""

import json
import re
from collections import OrderedDict
from typing import Any

RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
OPTIONAL = ("temperature", "parallel_tool_calls", "tool_choice")
# Inside each tool's definition.
IN_TOOLS = ("strict",)
# OpenAI, Azure, vLLM (pydantic), llama.cpp and others, each in its own words.
REFUSED = re.compile(
    r"unsupported|not supported|unknown (?:field|parameter|argument|name)|unrecognized|unexpected keyword"
    r"|extra (?:inputs|fields)|extra_forbidden|not permitted|not allowed|does not support|is not a valid field",
    re.I,
)
NULL_CONTENT = re.compile(rb'"content"\s*:\s*null')
MAX_REMEMBERED = 1000


class Parameters:
    """What was learned, by address and model; the oldest lessons are forgotten first."""

    def __init__(self) -> None:
        self._refused: OrderedDict[tuple[str, str], frozenset[str]] = OrderedDict()

    def adapted(self, address: str, content: bytes) -> bytes:
        """The request without what its model refuses; untouched and unparsed where nothing has to be done."""
        if not self._refused and not NULL_CONTENT.search(content):
            return content
        body = _object(content)
        if body is None:
            return content
        for name in sorted(self._refused.get((address, str(body.get("model"))), ())):
            _leave_out(body, name)
        _no_null_content(body)
        return json.dumps(body).encode()

    def learn(self, address: str, content: bytes, answer: bytes) -> bool:
        """Whether a refusal names a parameter of the request that it can do without; if so it is remembered."""
        body = _object(content)
        refused = None if body is None else _refused(body, answer.decode("utf-8", "replace"))
        if body is None or refused is None:
            return False
        key = (address, str(body.get("model")))
        known = self._refused.pop(key, frozenset())
        if refused in known or RENAMED.get(refused) in known:
            self._refused[key] = known
            return False
        self._refused[key] = known | {refused}
        if len(self._refused) > MAX_REMEMBERED:
            self._refused.popitem(last=False)
        return True


def _refused(body: dict[str, Any], answer: str) -> str | None:
    """The parameter that a refusal is about: named by it, and part of the request."""
    if not REFUSED.search(answer):
        return None
    present = [name for name in (*RENAMED, *OPTIONAL) if name in body]
    if any("strict" in (tool.get("function") or {}) for tool in body.get("tools") or () if isinstance(tool, dict)):
        present += IN_TOOLS
    named = [name for name in present if re.search(rf"(?<![\w.]){name}(?!\w)", answer)]
    return named[0] if named else None


def _leave_out(body: dict[str, Any], name: str) -> None:
    if name in IN_TOOLS:
        for tool in body.get("tools") or ():
            tool.get("function", {}).pop(name, None)
    elif name in body:
        value = body.pop(name)
        if name in RENAMED:
            body[RENAMED[name]] = value


def _no_null_content(body: dict[str, Any]) -> None:
    """Older servers refuse `content: null`, which an answer of calls alone would have."""
    for message in body.get("messages") or ():
        if isinstance(message, dict) and "content" in message and message["content"] is None:
            message["content"] = ""


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
