"""Requests about one run, and the run object: its log, its steps, and every request it made to a provider."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.responses import dollars, moment
from api.schemas.fields import Key, OfBot, OfHeartbeat
from api.schemas.logs import LogObject, TriggerResult, show_log
from heartbeat.domain.field_types import Flag
from heartbeat.settings import Settings
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.rehearsals import WRITTEN_DOWN, Rehearsal
from heartbeat.store.tables.runs import Attempt, Run, Step


class Cancel(OfHeartbeat):
    log_id: Key | None = Field(None, description="Only this run; left out, every run of the heartbeat in progress.")
    wait: Flag = Field(True, description="Wait up to 15 seconds for the end.")


class CancelResult(BaseModel):
    status: str = Field(description="`running` while any is, else `cancelled` if any was, else what the first was.")
    tokens_used: int
    credits_charged: int
    runs: list[TriggerResult]


class Cancelled(BaseModel):
    result: CancelResult


class OfRun(OfBot):
    run_id: Key = Field(description="The run's id (log_…).")


class StepObject(BaseModel):
    number: int
    kind: str = Field(description="model or tool")
    name: str | None = Field(description="The tool; null for a model request.")
    state: str = Field(description="A tool call is asked, called, then done.")
    arguments: Any = Field(description="What the model calls the tool with.")
    answer: str
    is_error: bool
    failure_code: str | None
    failure: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    credits: int
    duration_ms: int
    created_at: str


class AttemptObject(BaseModel):
    step: int
    attempt: int
    outcome: str = Field(
        description="answered, failed, or lost with its worker: then input_tokens is the most it read."
    )
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: str
    created_at: str


class RunObject(LogObject):
    credits_held: int = Field(description="Reserved for the step under way.")
    instruction: str = Field(description="The bot's, as it was then.")
    opening: str | None = Field(description="What the first message said before the prompt; the prompt is its end.")
    steps: list[StepObject]
    attempts: list[AttemptObject]


class OneRun(BaseModel):
    run: RunObject


def show_head(run: Row[Any], settings: Settings) -> dict[str, Any]:
    """A run without its steps: its log so far, and the credits it holds."""
    return {**show_log(run, settings), "credits_held": run.credits_held}


def show_told(run: Row[Any]) -> dict[str, Any]:
    """What the model was told before it said anything, the prompt apart, which logs show."""
    return {"instruction": run.instruction, "opening": run.opening}


def show_step(step: Step, charged: int) -> dict[str, Any]:
    """A step, and the credits it was charged."""
    return {
        "number": step.number,
        "kind": step.kind,
        "name": step.name,
        "state": step.state,
        "arguments": parsed(step.arguments),
        "answer": step.answer,
        "is_error": step.failure_code not in (None, *WRITTEN_DOWN),
        "failure_code": step.failure_code,
        "failure": step.failure,
        "model": step.model or None,
        "input_tokens": step.input_tokens,
        "output_tokens": step.output_tokens,
        "credits": charged,
        "duration_ms": step.duration_ms,
        "created_at": moment(step.created_at),
    }


def show_attempt(attempt: Attempt) -> dict[str, Any]:
    """One request to a provider, and what it really cost."""
    return {
        "step": attempt.step,
        "attempt": attempt.attempt,
        "outcome": attempt.outcome,
        "model": attempt.model,
        "input_tokens": attempt.input_tokens,
        "output_tokens": attempt.output_tokens,
        "cost_usd": dollars(attempt.cost_nano_usd),
        "created_at": moment(attempt.created_at),
    }


def show_result(run: Run) -> dict[str, Any]:
    """What a run came to, in short."""
    return {
        "status": run.status,
        "response": run.response,
        "duration_ms": run.duration_ms,
        "tokens_used": run.tokens_used,
        "credits_charged": run.credits_charged,
        "error_message": run.error_message,
        "skip_reason": run.skip_reason,
        "log_id": run.uuid,
    }


def show_rehearsal(would: Rehearsal) -> dict[str, Any]:
    """What a rehearsal would have done, in the order in which it would have happened."""
    return {
        "would_have_called": [asdict(call) for call in would.calls],
        "would_have_told": [asdict(told) for told in would.told],
    }
