"""The headers that a tool server or the address of a gate is spoken to with.

They are secrets: no message repeats one, not even half of one.
"""

import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field

NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
MAX_HEADERS, MAX_CHARACTERS = 30, 16_000
# What the connection and the protocol say of themselves.
TAKEN = {"host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer", "upgrade"}
TAKEN |= {"accept", "accept-encoding", "idempotency-key", "mcp-session-id", "mcp-protocol-version", "last-event-id"}


def _headers(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError('must be an object of names and values, such as {"Authorization": "Bearer …"}')
    seen: set[str] = set()
    for name, text in value.items():
        if not NAME.fullmatch(name):
            raise ValueError("has a name that no header can have; letters, digits and - are usual")
        if name.lower() in TAKEN:
            raise ValueError(f"{name} is set by the connection itself; leave it out")
        if name.lower() in seen:
            raise ValueError(f"{name} is given twice")
        if not isinstance(text, str) or not VALUE.fullmatch(text):
            raise ValueError(f"the value of {name} must be text of ASCII characters, without line breaks or blank ends")
        seen.add(name.lower())
    if len(value) > MAX_HEADERS or sum(len(name) + len(text) for name, text in value.items()) > MAX_CHARACTERS:
        raise ValueError(f"may be {MAX_HEADERS} at most, with {MAX_CHARACTERS} characters together")
    return value


Headers = Annotated[
    dict[str, str],
    BeforeValidator(_headers),
    Field(
        json_schema_extra={
            "maxProperties": MAX_HEADERS,
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "additionalProperties": {"type": "string", "pattern": f"^{VALUE.pattern}$"},
        }
    ),
]

USUAL_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port: headers that were given for one origin are sent to no other."""
    parts: SplitResult = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or USUAL_PORTS.get(parts.scheme)
