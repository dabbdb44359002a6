"""Chat completions as compatible servers write them, made into what OpenAI's own API would have sent."""

from typing import Any

from heartbeat.agents.bodies.shapes import TokenUsage, arguments, identifier, objects, text, whole
from heartbeat.agents.words import spoken

FINISHES = {
    "length": {
        *("length", "max_tokens", "max_output_tokens", "model_length", "token_limit"),
        *("model_context_window_exceeded", "context_window_exceeded"),
    },
    "content_filter": {
        *("content_filter", "content-filter", "content_filtered", "safety", "refusal", "sensitive", "recitation"),
        *("blocked", "prohibited_content", "blocklist", "spii", "guardrail_intervened", "model_armor"),
    },
    "tool_calls": {"tool_calls", "tool_call", "tool_use", "function_call"},
}
UNNAMED = "unnamed"
# Kept for providers that want a thought back with the calls that it led to.
THOUGHTS = ("reasoning", "reasoning_content")


def completion(body: dict[str, Any]) -> dict[str, Any] | None:
    """The completion with one choice; `None` when no choice has a message.

    Servers that answer with a text and calls send them as several choices now and then, though one was asked for.
    """
    choices = objects(body.get("choices"))
    messages = [written for choice in choices if (written := _message(choice)) is not None]
    if not messages:
        return None
    words = next((words for one in messages if (words := spoken(text(one.get("content"))))), "")
    calls = _meant([call for written in messages for call in _calls(written)], words)
    for number, call in enumerate(calls):
        call["id"] = identifier(call["id"], f"call_{number}")
    finish = next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None)
    message: dict[str, Any] = {"role": "assistant", "content": words}
    for name in THOUGHTS:
        if thought := next((one[name] for one in messages if isinstance(one.get(name), str)), None):
            message[name] = thought
    if refusal := next((one["refusal"] for one in messages if isinstance(one.get("refusal"), str)), None):
        message["refusal"] = refusal
    if calls:
        message["tool_calls"] = calls
    created = body.get("created")
    repaired: dict[str, Any] = {
        "id": identifier(body.get("id"), "unknown"),
        "object": "chat.completion",
        "created": int(created) if isinstance(created, int | float) and 0 <= created < 2**33 else 0,
        "model": identifier(body.get("model"), "unknown"),
        "choices": [{"index": 0, "finish_reason": _finish(finish, bool(calls)), "message": message}],
    }
    used = usage(body)
    if used is not None:
        total = used.input_tokens + used.output_tokens
        repaired["usage"] = {
            "prompt_tokens": used.input_tokens,
            "completion_tokens": used.output_tokens,
            "total_tokens": total,
        }
    return repaired


def usage(body: dict[str, Any]) -> TokenUsage | None:
    """What the body says was used; `None` when it says nothing."""
    counts = body.get("usage")
    if not isinstance(counts, dict):
        return None
    read = whole(counts.get("prompt_tokens", counts.get("input_tokens")))
    written = whole(counts.get("completion_tokens", counts.get("output_tokens")))
    # Some count what was thought apart from what was said, and only the total has both.
    written = max(written, whole(counts.get("total_tokens")) - read) if read else written
    return TokenUsage(read, written) if read or written else None


def _message(choice: dict[str, Any]) -> dict[str, Any] | None:
    for name in ("message", "delta"):
        if isinstance(choice.get(name), dict):
            return dict(choice[name])
    return {"content": choice["text"]} if isinstance(choice.get("text"), str) else None


def _calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    entries = objects(message.get("tool_calls"))
    if not entries and isinstance(message.get("function_call"), dict):
        entries = [{"function": message["function_call"]}]
    return [_call(entry) for entry in entries]


def _meant(calls: list[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """The calls without those that say nothing, which some servers put beside every answer."""
    named = [call for call in calls if call["function"] != {"name": UNNAMED, "arguments": "{}"}]
    return named if words or named else calls


def _call(entry: dict[str, Any]) -> dict[str, Any]:
    function = entry["function"] if isinstance(entry.get("function"), dict) else entry
    raw_arguments = function.get("arguments", function.get("parameters"))
    named = {"name": identifier(function.get("name"), UNNAMED), "arguments": arguments(raw_arguments)}
    return {"id": entry.get("id"), "type": "function", "function": named}


def _finish(reason: Any, calls: bool) -> str:
    lowered = reason.lower() if isinstance(reason, str) else ""
    known = next((name for name, words in FINISHES.items() if lowered in words), None)
    if known in ("length", "content_filter"):
        return known
    return "tool_calls" if calls else "stop"
