"""A tool server over a pipe that answers a call with its argument `reply`, however little MCP that is.

Before each it writes a line of a log, as servers do that print to where their messages go.
"""

import json
import sys
from typing import Any

COMMAND = (sys.executable, "-m", "tests.support.raw_pipe_server")


def reply_to(message: dict[str, Any]) -> str:
    """The line that answers `message`."""
    if message["method"] == "tools/call":
        return (
            str(message["params"]["arguments"]["reply"])
            .replace("ID AS TEXT", str(message["id"]))
            .replace('"ID"', str(message["id"]))
        )
    known = {"capabilities": {}, "serverInfo": {"name": "raw", "version": "1"}}
    result = known | {"protocolVersion": message["params"].get("protocolVersion", "2025-06-18")}
    error = {"code": -32601, "message": "Method not found"}
    kind = {"result": result} if message["method"] == "initialize" else {"error": error}
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], **kind})


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("id") is not None:
            print(json.dumps({"level": "error", "error": "no such table", "method": message["method"]}))
            print(reply_to(message), flush=True)
