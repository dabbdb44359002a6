"""The replies of tests/corpus/mcp as what a server on loopback answers a call with."""

import json
from pathlib import Path
from typing import Any

from tests.support.raw_tool_server import Answer, Received

CORPUS = Path(__file__).parents[1] / "corpus" / "mcp"


def message_of(shape: dict[str, Any]) -> str:
    """The message that answers the call, with `ID` for the id of the request."""
    message = {"jsonrpc": "2.0", "id": "ID", "result": shape.get("result")}
    return json.dumps(shape.get("message", shape.get("events", message)))


def reply_to(received: Received, shape: dict[str, Any]) -> Answer | None:
    """What answers the call: status, headers and body."""
    if received.method != "tools/call":
        return None
    content = message_of(shape).replace('"ID AS TEXT"', f'"{received.id}"').replace('"ID"', str(received.id))
    if "events" in shape:
        content = f"event: message\ndata: {content}\n\n"
    return shape.get("status", 200), shape.get("headers", {}), shape.get("text", content)
