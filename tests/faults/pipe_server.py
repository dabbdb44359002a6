"""A tool server over a pipe, which workers start for every run. It ends when its pipe does, as the official ones do."""

import json
import sys
from typing import Any

SCRIPT = __file__
TOOLS = [{"name": "look", "description": "Look", "inputSchema": {"type": "object"}}]


def result_of(message: dict[str, Any]) -> dict[str, Any]:
    """What such a message is answered with."""
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        known = {"protocolVersion": version, "serverInfo": {"name": "pipe", "version": "1"}}
        return {"capabilities": {"tools": {}}, **known}
    return {"tools": TOOLS} if message["method"] == "tools/list" else {"content": []}


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("id") is not None:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result_of(message)}), flush=True)
