"""Values as they should be, made of what servers send in their place."""

import json
import math
from dataclasses import dataclass
from typing import Any

# More than any model reads or writes in one request: a larger count is a mistake of the server's.
MAX_TOKENS = 10_000_000

# Types of parts of a content that are no words for people.
THOUGHTS = ("thinking", "reasoning", "redacted_thinking")


class UnreadableCall(Exception):
    """A provider says that it could not read the tool call that its model wrote."""


@dataclass(frozen=True)
class TokenUsage:
    """Tokens that a provider says were read and written."""

    input_tokens: int
    output_tokens: int


def whole(value: Any) -> int:
    """A count of tokens, `MAX_TOKENS` at most: rounded up from a fraction, read from digits, 0 for anything else."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    # Not asked of an integer, which may be too large for a float.
    if not isinstance(value, int | float) or (isinstance(value, float) and not math.isfinite(value)):
        return 0
    return math.ceil(max(0, min(value, MAX_TOKENS)))


def text(value: Any) -> str:
    """What a content says: a string, or the texts of its parts; nothing of what is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(text(part) for part in value)
    if isinstance(value, dict) and value.get("type") not in THOUGHTS:
        return text(value.get("text", value.get("content", value.get("value"))))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def identifier(value: Any, otherwise: str) -> str:
    """An id as text, numbers too; `otherwise` where there is none."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return otherwise


def arguments(value: Any) -> str:
    """A call's arguments as JSON text: objects are written out, JSON inside JSON is unpacked, nothing is `{}`."""
    if value is None or value == "":
        return "{}"
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return arguments(inner) if isinstance(inner, str) and inner.lstrip().startswith("{") else value


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; a single object counts as a list of one, anything else as none."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
