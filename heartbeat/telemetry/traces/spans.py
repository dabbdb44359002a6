"""A run that is over as the spans of one trace, by the rows that were written while it went on.

Names and attributes are those of OpenTelemetry's conventions for generative AI (`gen_ai.…`); what they have no word for
begins with `heartbeat.`. Importing this loads OpenTelemetry's SDK.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from heartbeat.domain.first_message import first_message
from heartbeat.domain.trace_ids import span_id, trace_id
from heartbeat.store.runs.logs import delay_ms
from heartbeat.store.runs.traces import RecordedRun
from heartbeat.store.tables.runs import Approval, Attempt, Step

SCOPE = InstrumentationScope("heartbeat")
# The providers' names in the conventions, where they differ from ours.
PROVIDERS = {"google": "gcp.gemini"}
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """One span of a run; `step` is the number of the step that it shows, 0 for the run itself."""

    step: int
    name: str
    kind: SpanKind
    start: datetime
    end: datetime
    attributes: Attributes
    error: str | None = None
    events: Sequence[Event] = ()


def spans_of(recorded: RecordedRun, resource: Resource, has_content: bool) -> list[ReadableSpan]:
    """The trace of a run: itself, its model requests and its tool calls. `has_content`: with what was said."""
    run_uuid = recorded.run.uuid
    spans = [_invoke_agent(recorded, has_content), *_steps(recorded, has_content)]
    return [_readable(run_uuid, span, resource) for span in spans]


def _readable(run_uuid: str, span: Span, resource: Resource) -> ReadableSpan:
    attributes = {name: value for name, value in span.attributes.items() if value is not None}
    return ReadableSpan(
        name=span.name,
        context=_context(run_uuid, span.step),
        parent=_context(run_uuid, 0) if span.step else None,
        resource=resource,
        attributes=attributes | ({"error.type": span.error} if span.error else {}),
        events=span.events,
        kind=span.kind,
        status=Status(StatusCode.ERROR) if span.error else Status(StatusCode.UNSET),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(max(span.start, span.end)),
        instrumentation_scope=SCOPE,
    )


def _context(run_uuid: str, step: int) -> SpanContext:
    trace, span = int(trace_id(run_uuid), 16), int(span_id(run_uuid, step), 16)
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _invoke_agent(recorded: RecordedRun, has_content: bool) -> Span:
    run, bot = recorded.run, recorded.bot
    delay = delay_ms(run)
    attributes = {
        **_of_model("invoke_agent", run.model),
        "gen_ai.agent.id": bot.uuid,
        "gen_ai.agent.name": bot.name,
        "gen_ai.conversation.id": run.uuid,
        "gen_ai.usage.input_tokens": sum(step.input_tokens for step in recorded.steps),
        "gen_ai.usage.output_tokens": sum(step.output_tokens for step in recorded.steps),
        "heartbeat.project.id": recorded.project.uuid,
        "heartbeat.id": recorded.heartbeat.uuid,
        "heartbeat.run.id": run.uuid,
        "heartbeat.run.trigger": run.trigger,
        "heartbeat.run.outcome": run.status,
        "heartbeat.run.rehearsal": run.dry_run,
        "heartbeat.credits": run.credits_charged,
        "heartbeat.tick": run.scheduled_for.isoformat() if run.scheduled_for else None,
        "heartbeat.start_delay_seconds": None if delay is None else delay / 1000,
    }
    if has_content:
        prompt = first_message(run.opening, run.prompt)
        attributes["gen_ai.system_instructions"] = _json([_text(run.instruction)])
        attributes["gen_ai.input.messages"] = _json([{"role": "user", "parts": [_text(prompt)]}])
        attributes["gen_ai.output.messages"] = _json([_answer(run.response or "")])
    error = None if run.status == "success" else run.error_code or run.status
    events = [event for approval in recorded.approvals for event in _waits(approval)]
    end = run.finished_at or run.started_at
    return Span(0, f"invoke_agent {bot.name}", SpanKind.INTERNAL, run.started_at, end, attributes, error, tuple(events))


def _steps(recorded: RecordedRun, has_content: bool) -> Iterator[Span]:
    """Every step; and a model request that never had an answer, by the attempts at it."""
    attempts: dict[int, list[Attempt]] = {}
    for attempt in recorded.attempts:
        attempts.setdefault(attempt.step, []).append(attempt)
    decided = {approval.step: approval.decided_at for approval in recorded.approvals}
    for step in recorded.steps:
        if step.kind == "model":
            yield _chat(step, recorded, attempts.pop(step.number, []), has_content)
        elif step.state != "asked":
            yield _execute_tool(step, decided.get(step.number) or step.created_at, has_content)
    for number, failed in attempts.items():
        yield _unanswered(number, failed)


def _chat(step: Step, recorded: RecordedRun, attempts: list[Attempt], has_content: bool) -> Span:
    attributes = {
        **_of_model("chat", step.model),
        "gen_ai.conversation.id": recorded.run.uuid,
        "gen_ai.request.max_tokens": recorded.run.max_reply_tokens,
        "gen_ai.usage.input_tokens": step.input_tokens,
        "gen_ai.usage.output_tokens": step.output_tokens,
        "heartbeat.step": step.number,
        "heartbeat.fell_back_from": step.fell_back_from,
    }
    if has_content:
        attributes["gen_ai.output.messages"] = _json([_answer(step.answer)])
    events = [_failed(attempt) for attempt in attempts if attempt.outcome != "answered"]
    name, end = f"chat {_bare(step.model)}", step.created_at
    start = end - timedelta(milliseconds=step.duration_ms)
    return Span(step.number, name, SpanKind.CLIENT, start, end, attributes, step.failure_code, tuple(events))


def _unanswered(number: int, attempts: list[Attempt]) -> Span:
    """Of a failed attempt only its end is known."""
    last = attempts[-1]
    attributes = {**_of_model("chat", last.model), "heartbeat.step": number}
    events = tuple(_failed(attempt) for attempt in attempts)
    name, error = f"chat {_bare(last.model)}", last.failure_code or last.outcome
    return Span(number, name, SpanKind.CLIENT, attempts[0].created_at, last.created_at, attributes, error, events)


def _execute_tool(step: Step, start: datetime, has_content: bool) -> Span:
    attributes: Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": step.name,
        "gen_ai.tool.call.id": step.call_id,
        "gen_ai.tool.type": "function",
        "heartbeat.step": step.number,
    }
    if has_content:
        attributes |= {"gen_ai.tool.call.arguments": step.arguments, "gen_ai.tool.call.result": step.answer}
    end = start + timedelta(milliseconds=step.duration_ms)
    name = f"execute_tool {step.name}"
    return Span(step.number, name, SpanKind.INTERNAL, start, end, attributes, step.failure_code)


def _of_model(operation: str, model: str) -> Attributes:
    provider, _, name = model.partition(":")
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": name,
    }


def _bare(model: str) -> str:
    return model.partition(":")[2]


def _failed(attempt: Attempt) -> Event:
    attributes: Attributes = {
        "gen_ai.request.model": _bare(attempt.model),
        "error.type": attempt.failure_code or attempt.outcome,
        "heartbeat.attempt": attempt.attempt,
    }
    return Event("heartbeat.attempt_failed", attributes, _nanoseconds(attempt.created_at))


def _waits(approval: Approval) -> Iterator[Event]:
    attributes: Attributes = {"heartbeat.step": approval.step, "heartbeat.approval.reason": approval.reason}
    yield Event("heartbeat.approval_asked", attributes, _nanoseconds(approval.created_at))
    if approval.decided_at is not None:
        decision = {**attributes, "heartbeat.approval.state": approval.state}
        yield Event("heartbeat.approval_decided", decision, _nanoseconds(approval.decided_at))


def _text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def _answer(content: str) -> dict[str, Any]:
    return {"role": "assistant", "parts": [_text(content)], "finish_reason": "stop"}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _nanoseconds(time: datetime) -> int:
    # Whole microseconds: a float would lose some.
    return (time - datetime.fromtimestamp(0, time.tzinfo)) // timedelta(microseconds=1) * 1000
