"""Requests about one run, and the run object: its log, its steps, and every request it made to a provider."""

from dataclasses import asdict
from typing import Any

from pydantic import Field
from sqlalchemy import Row

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfBot, OfHeartbeat
from api.schemas.logs import SUCCEEDED, LogObject, TriggerResult, show_log
from api.schemas.ratings import RatingFields, RatingObject
from api.schemas.response_fields import (
    CostUsd,
    CreditsCharged,
    InputTokens,
    Model,
    OutputTokens,
    Price,
    TokensUsed,
    WrittenAt,
)
from api.schemas.variants import VariedFields
from heartbeat.domain.expectations import ExpectationField
from heartbeat.domain.field_types import Flag
from heartbeat.domain.money import dollars
from heartbeat.settings import Settings
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.rehearsals import WRITTEN_DOWN, Rehearsal
from heartbeat.store.tables.runs import Attempt, Run, Step


class Cancel(OfHeartbeat):
    # An id that came out empty must not cancel every run.
    may_be_empty = frozenset(("log_id",))

    log_id: Key | None = Field(
        None,
        description="Only this run; left out, every run of the heartbeat in progress.",
        examples=[examples.RUN],
    )
    wait: Flag = Field(True, description="Wait up to 15 seconds for the end.", examples=[True])


class CancelResult(Answered):
    """What the cancelled runs came to together."""

    status: str = Field(
        description="`running` while any is, else `cancelled` if any was, else what the first was.",
        examples=["cancelled"],
    )
    tokens_used: TokensUsed
    credits_charged: CreditsCharged
    price: Price
    runs: list[TriggerResult] = Field(
        description="What each run came to.", examples=[[example(TriggerResult, status="cancelled", response=None)]]
    )


class Cancelled(Answered):
    result: CancelResult = Field(description="What the cancelled runs came to.", examples=[example(CancelResult)])


class OfRun(OfBot):
    run_id: Key = Field(description="The run's id (`log_…`).", examples=[examples.RUN])


class Replay(OfRun, VariedFields):
    wait: Flag = Field(True, description="false: do not wait for the replay to end.", examples=[True])


class Rate(OfRun, RatingFields):
    pass


class Rated(Answered):
    rating: RatingObject | None = Field(
        description="The rating as it stands; null once it was taken back.", examples=[example(RatingObject)]
    )


class StepObject(Answered):
    """One model request or one tool call of a run."""

    number: int = Field(description="Its place among the run's steps, counted from 1.", examples=[2])
    kind: str = Field(description="model or tool.", examples=["tool"])
    name: str | None = Field(description="The tool; null for a model request.", examples=["web_fetch"])
    state: str = Field(description="A tool call is asked, called, then done.", examples=["done"])
    arguments: Any = Field(
        description="What the model calls the tool with; null for a model request.",
        examples=[{"url": "https://example.com/queue"}],
    )
    progress: str | None = Field(
        description="Of a call that is being made: what its server said last of how far it has come.",
        examples=[None, "3 of 10: reading the queue"],
    )
    answer: str = Field(description="What the model or the tool answered.", examples=["3 open tickets"])
    is_error: bool = Field(description="Whether the call failed.", examples=[False])
    failure_code: str | None = Field(
        description="Of a call that failed: failed, invalid_arguments, down, unknown, changed or refused; in a "
        "rehearsal rehearsed or would_ask; in a replay also not_recorded.",
        examples=["down"],
    )
    failure: str | None = Field(
        description="The failure in words.", examples=["The server could not be reached, so the call was not made."]
    )
    reminder: str | None = Field(
        description="What the model was told after an answer with which the run could not end; it was asked again.",
        examples=[None, "This run does not count as done yet. It ended without a report."],
    )
    model: str | None = Field(
        description="The model of a model request; null for a tool call.", examples=[examples.MODEL]
    )
    fell_back_from: str | None = Field(
        description="The model that should have answered, where `model` stood in for it.",
        examples=["anthropic:claude-haiku-5-5"],
    )
    fallback_reason: str | None = Field(
        description="Why that one did not answer: the `failure_code` of its last attempt; `step_timeout` if it was "
        "silent.",
        examples=["overloaded"],
    )
    input_tokens: InputTokens
    output_tokens: OutputTokens
    credits: int = Field(description="Credits that it was charged.", examples=[1])
    price: Price
    duration_ms: int = Field(description="How long it took, in milliseconds.", examples=[640])
    created_at: WrittenAt


class AttemptObject(Answered):
    """One request to a provider as it really was, a lost one too."""

    step: int = Field(description="The number of the step it is of.", examples=[1])
    attempt: int = Field(description="Which attempt of the step, counted from 1.", examples=[1])
    outcome: str = Field(
        description="answered, failed (its tokens are what was paid for all the same), or lost with its worker: then "
        "input_tokens is the most it read.",
        examples=["answered"],
    )
    failure_code: str | None = Field(
        description="Why it failed, as `error_code` says it; null when it was answered or lost.",
        examples=["bad_answer"],
    )
    model: Model
    input_tokens: InputTokens
    output_tokens: OutputTokens
    cost_usd: CostUsd
    created_at: WrittenAt


NO_FALLBACK = {"fell_back_from": None, "fallback_reason": None}
TOOL_STEP = example(
    StepObject, **NO_FALLBACK, failure_code=None, failure=None, model=None, input_tokens=0, output_tokens=0, credits=0
)
MODEL_STEP = example(
    StepObject, number=1, kind="model", name=None, arguments=None, answer="", failure_code=None, failure=None
)


class RunObject(LogObject):
    """A run: its log so far, and what led there."""

    credits_held: int = Field(description="Credits reserved for the step under way.", examples=[0])
    fallback_models: list[str] = Field(
        description="The models that were asked, in this order, where the one before was down.",
        examples=[["anthropic:claude-haiku-5-5"]],
    )
    instruction: str = Field(
        description="The bot's instruction, as it was then.", examples=["You watch over a support desk."]
    )
    opening: str | None = Field(
        description="What the first message said before the prompt; the prompt is its end.",
        examples=["It is Friday, 27 November 2026, 09:00 (Europe/Berlin)."],
    )
    expect: ExpectationField = Field(
        description="What its heartbeat expected of it when it began; null: nothing.",
        examples=[{"report": "required"}],
    )
    steps: list[StepObject] = Field(
        description="Its model requests and tool calls, in order.", examples=[[MODEL_STEP, TOOL_STEP]]
    )
    attempts: list[AttemptObject] = Field(
        description="Its requests to providers, in order.", examples=[[example(AttemptObject)]]
    )


class OneRun(Answered):
    run: RunObject = Field(description="The run.", examples=[example(RunObject, **SUCCEEDED)])


def show_head(run: Row[Any], settings: Settings) -> dict[str, Any]:
    """A run without its steps: its log so far, and the credits it holds."""
    return {**show_log(run, settings), "credits_held": run.credits_held, "fallback_models": run.fallback_models or []}


def show_opening(run: Row[Any]) -> dict[str, Any]:
    """What the model was given before it said anything, but for the prompt, which logs show."""
    return {"instruction": run.instruction, "opening": run.opening, "expect": run.expect}


def show_step(step: Step, charged: int, settings: Settings) -> dict[str, Any]:
    """The `StepObject` of a row that was charged so many credits."""
    return {
        "number": step.number,
        "kind": step.kind,
        "name": step.name,
        "state": step.state,
        "arguments": parsed(step.arguments),
        "progress": step.progress,
        "answer": step.answer,
        "is_error": step.failure_code not in (None, *WRITTEN_DOWN, "not_recorded"),
        "failure_code": step.failure_code,
        "failure": step.failure,
        "reminder": step.reminder,
        "model": step.model or None,
        "fell_back_from": step.fell_back_from,
        "fallback_reason": step.fallback_reason,
        "input_tokens": step.input_tokens,
        "output_tokens": step.output_tokens,
        "credits": charged,
        "price": settings.price(charged),
        "duration_ms": step.duration_ms,
        "created_at": moment(step.created_at),
    }


def show_attempt(attempt: Attempt) -> dict[str, Any]:
    """The `AttemptObject` of a row."""
    return {
        "step": attempt.step,
        "attempt": attempt.attempt,
        "outcome": attempt.outcome,
        "failure_code": attempt.failure_code,
        "model": attempt.model,
        "input_tokens": attempt.input_tokens,
        "output_tokens": attempt.output_tokens,
        "cost_usd": dollars(attempt.cost_nano_usd),
        "created_at": moment(attempt.created_at),
    }


def show_result(run: Run, settings: Settings) -> dict[str, Any]:
    """The `TriggerResult` of a run."""
    return {
        "status": run.status,
        "response": run.response,
        "duration_ms": run.duration_ms,
        "tokens_used": run.tokens_used,
        "credits_charged": run.credits_charged,
        "price": settings.price(run.credits_charged),
        "error_message": run.error_message,
        "skip_reason": run.skip_reason,
        "log_id": run.uuid,
    }


def show_rehearsal(rehearsal: Rehearsal) -> dict[str, Any]:
    """The `RehearsalObject` of a run that was one."""
    return {
        "would_have_called": [asdict(call) for call in rehearsal.calls],
        "would_have_told": [asdict(event) for event in rehearsal.events],
    }
