"""Messages as servers beside Anthropic's write them, made into what Anthropic's own API would have sent."""

import json
from typing import Any

from heartbeat.agents.bodies.shapes import TokenUsage, arguments, identifier, objects, whole

STOPS = {
    "end_turn": "end_turn",
    "stop_sequence": "stop_sequence",
    "max_tokens": "max_tokens",
    "length": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "tool_use": "tool_use",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
    "content_filtered": "refusal",
    "guardrail_intervened": "refusal",
    "safety": "refusal",
    "pause_turn": "pause_turn",
}
# Blocks that go back as they came, with what each must have: thoughts are signed.
THOUGHTS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}


def message(body: dict[str, Any]) -> dict[str, Any] | None:
    """The message; `None` when it has no content. An empty content is an answer: the turn was over."""
    content = body.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if content is None and body.get("stop_reason") is None:
        return None
    blocks = [block for number, entry in enumerate(objects(content)) if (block := _block(entry, number)) is not None]
    calls = any(block["type"] == "tool_use" for block in blocks)
    stop = STOPS.get(str(body.get("stop_reason")), "tool_use" if calls else "end_turn")
    used = usage(body) or TokenUsage(0, 0)
    counts = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    return {
        "id": identifier(body.get("id"), "unknown"),
        "type": "message",
        "role": "assistant",
        "model": identifier(body.get("model"), "unknown"),
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": body["stop_sequence"] if isinstance(body.get("stop_sequence"), str) else None,
        "usage": {
            "input_tokens": whole(counts.get("input_tokens")) if counts else used.input_tokens,
            "output_tokens": used.output_tokens,
            "cache_creation_input_tokens": whole(counts.get("cache_creation_input_tokens")) if counts else 0,
            "cache_read_input_tokens": whole(counts.get("cache_read_input_tokens")) if counts else 0,
        },
    }


def usage(body: dict[str, Any]) -> TokenUsage | None:
    """What the body says was used, cached input included; `None` when it says nothing."""
    counts = body.get("usage")
    if not isinstance(counts, dict):
        return None
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    read, written = sum(whole(counts.get(name)) for name in names), whole(counts.get("output_tokens"))
    return TokenUsage(read, written) if read or written else None


def _block(entry: dict[str, Any], number: int) -> dict[str, Any] | None:
    kind = str(entry.get("type"))
    if kind in THOUGHTS:
        return entry if all(isinstance(entry.get(name), str) for name in THOUGHTS[kind]) else None
    if kind == "tool_use":
        try:
            tool_input = json.loads(arguments(entry.get("input")))
        except ValueError:
            tool_input = None
        named = {"id": identifier(entry.get("id"), f"toolu_{number}"), "name": identifier(entry.get("name"), "unnamed")}
        # What is no object is for the tool to refuse: the model then hears why.
        return {"type": "tool_use", **named, "input": tool_input if isinstance(tool_input, dict) else {}}
    said = entry.get("text")
    return {"type": "text", "text": said} if isinstance(said, str) and said else None
