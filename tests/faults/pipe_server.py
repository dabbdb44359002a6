"""A tool server over a pipe, which workers start for every run. It ends when its pipe does, as the official ones do.

Its argument is a file in which it notes that it was started: it may be gone before anybody has looked for it.
"""

import json
import sys
from contextlib import suppress
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
    # The disk may be full.
    with suppress(OSError), open(sys.argv[1], "a") as started:
        started.write("started\n")
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("id") is not None:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result_of(message)}), flush=True)
