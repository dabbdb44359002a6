"""What the fields of a gate must be, each refused in words that say what to write instead. Pure."""

import json
from typing import Any

from heartbeat.domain.field_types import is_blank
from heartbeat.domain.text import storable

MAX_ARGUMENTS = 10_000


def plain_arguments(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        raise ValueError("must be plain JSON, with finite numbers and not nested deeply") from None
    if len(text) > MAX_ARGUMENTS:
        raise ValueError(f"may have {MAX_ARGUMENTS:,} characters at most")
    if storable(value) != value:
        raise ValueError("has characters that are not text (NUL or half a surrogate pair); remove them")
    return value


def as_object(value: Any) -> Any:
    """Read it from JSON text, too, and without what is left blank: tools without code send no objects, and no null."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('must be an object, such as {"url": "https://example.com/feed.json"}') from None
    if not isinstance(value, dict):
        return value
    return {name: field for name, field in value.items() if not is_blank(field)}


def require_one_source(url: str | None, tool: str | None, headers: bool, arguments: bool) -> None:
    """Raises `ValueError` unless one source is named, with what goes with it."""
    if (url is None) == (tool is None):
        raise ValueError("give either url or tool, and not both")
    if url is None and headers:
        raise ValueError("headers go with a url; a tool has its own")
    if tool is None and arguments:
        raise ValueError("arguments go with a tool")
