"""Generated content as Gemini and what imitates it write it."""

from typing import Any

from heartbeat.agents.bodies.shapes import TokenUsage, objects, whole

BLOCKED = "SAFETY"


def content(body: dict[str, Any]) -> dict[str, Any] | None:
    """The answer; `None` when there are neither candidates nor a reason why a prompt was blocked."""
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
    return TokenUsage(read, written) if read or written else None


def _candidate(candidate: dict[str, Any]) -> dict[str, Any]:
    written = candidate.get("content")
    parts = objects(written.get("parts")) if isinstance(written, dict) else []
    reason = candidate.get("finishReason")
    return {
        "index": 0,
        "content": {"role": "model", "parts": [repaired for part in parts if (repaired := _part(part))]},
        "finishReason": reason if isinstance(reason, str) else "STOP",
    }


def _part(part: dict[str, Any]) -> dict[str, Any] | None:
    """A part as it came, signature of its thought included; a call without arguments has none."""
    call = part.get("functionCall")
    if isinstance(call, dict):
        return {**part, "functionCall": {**call, "args": call["args"] if isinstance(call.get("args"), dict) else {}}}
    return part if isinstance(part.get("text"), str) else None
