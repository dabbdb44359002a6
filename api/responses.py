"""JSON responses, and the formats of values in them."""

import json
from datetime import datetime
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from starlette.responses import Response

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ApiResponse(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        try:
            return to_json(content)
        except PydanticSerializationError:
            # Half a character is text to Python alone; whoever sent it gets a question mark back.
            return _encode(content).encode("utf-8", "replace")


def moment(value: datetime | None) -> str | None:
    """Format an instant as ISO-8601 in UTC with `Z`, to the second, as published."""
    return None if value is None else value.isoformat()[:19] + "Z"
