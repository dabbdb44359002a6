"""What a server answers a request with over HTTP, made into the one message that the SDK reads.

Servers leave `jsonrpc` or the id out, answer in a list, with a text as the result, name another content type, or cut a
text in the middle of a character. Pure.
"""

import json
from collections.abc import Mapping
from typing import Any

from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR, REQUEST_TIMEOUT

# By these the SDK says that no answer came. Of servers they are errors like any other: -32000 is the one most in use.
OF_THE_SDK = (CONNECTION_CLOSED, PARSE_ERROR, REQUEST_TIMEOUT)
# The SDK's parser takes twice as many.
MAX_DEPTH = 100
RESULT_KEYS = {"content", "structuredContent", "toolResult", "tools", "protocolVersion", "contents", "messages"}


def message(body: bytes, rpc_request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The JSON-RPC message that `body` means as the answer to `rpc_request`.

    A body that is no answer becomes an error that says so; whether the request was carried out is then unknown.
    """
    try:
        parsed = read_json(body)
    except (ValueError, RecursionError):
        sent = f"{kind.partition(';')[0] or 'a text'} instead of a message" if body.strip() else "nothing"
    else:
        if (answer := answer_to(rpc_request, parsed)) is not None:
            return answer
        sent = "JSON that is no message"
    error = {"code": PARSE_ERROR, "message": f"it sent {sent}"}
    return {"jsonrpc": "2.0", "id": rpc_request["id"], "error": error}


def read_json(text: str | bytes) -> Any:
    """The JSON in `text`, as every parser takes it; raises `ValueError` and `RecursionError`."""
    return _plain(json.loads(text, strict=False), 0)


def _plain(value: Any, depth: int) -> Any:
    """`value` without halves of characters, and what is nested too deeply as a text."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="replace").decode()
    if not isinstance(value, dict | list):
        return value
    if depth == MAX_DEPTH:
        return json.dumps(value)
    if isinstance(value, list):
        return [_plain(entry, depth + 1) for entry in value]
    return {_plain(name, depth): _plain(member, depth + 1) for name, member in value.items()}


def answer_to(rpc_request: Mapping[str, Any], parsed: Any) -> dict[str, Any] | None:
    """The answer to `rpc_request` that a server means by `parsed`; `None` if it is none."""
    answer = {"jsonrpc": "2.0", "id": rpc_request["id"]}
    if isinstance(parsed, list):
        parsed = next((entry for entry in parsed if _answers(entry, rpc_request["id"])), parsed)
    if not isinstance(parsed, dict):
        return answer | {"result": _result(parsed, rpc_request["method"])}
    if "method" in parsed:
        return None
    if parsed.get("error") and parsed.get("result") is None:
        return answer | {"error": readable_error(parsed["error"])}
    if "result" in parsed:
        return answer | {"result": _result(parsed["result"], rpc_request["method"])}
    return answer | {"result": parsed} if RESULT_KEYS & parsed.keys() else None


def event_data(data: bytes, rpc_request: Mapping[str, Any]) -> bytes:
    """The data of one event, made readable; a message that is no answer, such as a notification, stays as it is.

    `rpc_request` is the request that the stream of events answers, empty if it is none's.
    """
    try:
        parsed = read_json(data)
    except (ValueError, RecursionError):
        # The SDK takes it for the answer, and its words about it for an error of the server's.
        return b"" if "id" in rpc_request else data
    if "id" in rpc_request:
        readable = answer_to(rpc_request, parsed) if isinstance(parsed, dict | list) else None
    elif isinstance(parsed, dict) and parsed.get("error"):
        readable = {"jsonrpc": "2.0", "id": parsed.get("id"), "error": readable_error(parsed["error"])}
    else:
        readable = None
    return data if readable is None else json.dumps(readable).encode()


def _answers(entry: Any, request_id: Any) -> bool:
    is_answer = isinstance(entry, dict) and ("result" in entry or "error" in entry)
    return is_answer and str(entry.get("id")) == str(request_id)


def _result(value: Any, method: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if value is None:
        return {}
    if method == "tools/list":
        return {"tools": value}
    return {"content": value} if isinstance(value, str) else {"structuredContent": value}


def readable_error(error: Any) -> dict[str, Any]:
    """The error with a code and words. `data` stays: some errors of the protocol carry what is to be done next."""
    if not isinstance(error, dict):
        return {"code": INTERNAL_ERROR, "message": str(error)}
    code, words = error.get("code"), error.get("message") or error.get("error") or "without saying why"
    number = code if isinstance(code, int) and not isinstance(code, bool) else INTERNAL_ERROR
    if number in OF_THE_SDK:
        number = INTERNAL_ERROR
    known = {"code": number, "message": words if isinstance(words, str) else json.dumps(words)}
    return known | ({"data": error["data"]} if "data" in error else {})
