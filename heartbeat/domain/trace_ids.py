"""The ids of a run's trace, made from its own: whoever works at it knows them, and a second export has the same."""

from hashlib import sha256

TRACE_BYTES, SPAN_BYTES = 16, 8


def trace_id(run_uuid: str) -> str:
    """The id of a run's trace, as 32 hexadecimal digits."""
    return _digest("trace", run_uuid)[: TRACE_BYTES * 2]


def span_id(run_uuid: str, step: int = 0) -> str:
    """The id of the span of one step, or of the whole run (step 0), as 16 hexadecimal digits."""
    return _digest("span", f"{run_uuid}:{step}")[: SPAN_BYTES * 2]


def traceparent(run_uuid: str, call_key: str) -> str | None:
    """The context of a tool call, as W3C Trace Context has it in headers; its key begins with its run and its step."""
    run, _, step = call_key.removesuffix(":approved").rpartition(":")
    return f"00-{trace_id(run_uuid)}-{span_id(run_uuid, int(step))}-01" if run == run_uuid else None


def _digest(kind: str, name: str) -> str:
    return sha256(f"{kind}:{name}".encode()).hexdigest()
