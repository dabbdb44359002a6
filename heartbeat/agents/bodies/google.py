"""Generated content as Gemini and what imitates it write it."""

import base64
import json
from typing import Any

from heartbeat.agents.bodies.shapes import TokenUsage, UnreadableCall, arguments, identifier, objects, whole
from heartbeat.agents.words import spoken

BLOCKED = "SAFETY"
CUT = "MAX_TOKENS"
FILTERED = {
    *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"),
    *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"),
}
UNREADABLE = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"}


def content(body: dict[str, Any]) -> dict[str, Any] | None:
    """The answer; `None` when there are neither candidates nor a reason why a prompt was blocked.

    Raises `UnreadableCall` for a call that Google itself could not read.
    """
    candidates = objects(body.get("candidates"))
    feedback = body.get("promptFeedback")
    if not candidates and isinstance(feedback, dict) and feedback.get("blockReason"):
        candidates = [{"finishReason": BLOCKED}]
    if not candidates:
        return None
    used = usage(body)
    repaired: dict[str, Any] = {"candidates": [_candidate(candidates[0])]}
    for name in ("responseId", "modelVersion"):
        if isinstance(body.get(name), str):
            repaired[name] = body[name]
    if used is not None:
        repaired["usageMetadata"] = {
            "promptTokenCount": used.input_tokens,
            "candidatesTokenCount": used.output_tokens,
            "totalTokenCount": used.input_tokens + used.output_tokens,
        }
    return repaired


def usage(body: dict[str, Any]) -> TokenUsage | None:
    """What the body says was used, thoughts among what was written; `None` when it says nothing."""
    counts = body.get("usageMetadata")
    if not isinstance(counts, dict):
        return None
    read = whole(counts.get("promptTokenCount")) + whole(counts.get("toolUsePromptTokenCount"))
    written = whole(counts.get("candidatesTokenCount")) + whole(counts.get("thoughtsTokenCount"))
    # Some give what was written in the total alone.
    written = max(written, whole(counts.get("totalTokenCount")) - read) if read else written
    return TokenUsage(read, written) if read or written else None


def _candidate(candidate: dict[str, Any]) -> dict[str, Any]:
    written = candidate.get("content")
    parts = objects(written.get("parts")) if isinstance(written, dict) else []
    reason = str(candidate.get("finishReason"))
    if reason in UNREADABLE:
        raise UnreadableCall
    return {
        "index": 0,
        "content": {"role": "model", "parts": [repaired for part in parts if (repaired := _part(part))]},
        "finishReason": BLOCKED if reason in FILTERED else CUT if reason == CUT else "STOP",
    }


def _part(part: dict[str, Any]) -> dict[str, Any] | None:
    """A text or a call with the signature of its thought, which has to go back; nothing of any other part."""
    call, words = part.get("functionCall"), part.get("text")
    repaired: dict[str, Any] = {}
    if isinstance(call, dict):
        repaired["functionCall"] = {"name": identifier(call.get("name"), "unnamed"), "args": _arguments(call)}
        if call_id := identifier(call.get("id"), ""):
            repaired["functionCall"]["id"] = call_id
    elif isinstance(words, str):
        repaired["text"] = words if part.get("thought") is True else spoken(words)
    else:
        return None
    if part.get("thought") is True:
        repaired["thought"] = True
    if _is_base64(part.get("thoughtSignature")):
        repaired["thoughtSignature"] = part["thoughtSignature"]
    return repaired


def _arguments(call: dict[str, Any]) -> dict[str, Any]:
    try:
        value = json.loads(arguments(call.get("args")))
    except ValueError:
        return {}
    # What is no object is for the tool to refuse: the model then hears why.
    return value if isinstance(value, dict) else {}


def _is_base64(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        base64.b64decode(value, altchars="-_" if "-" in value or "_" in value else None, validate=True)
    except ValueError:
        return False
    return True
