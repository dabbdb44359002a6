"""From a transcript to the request, from the answer to the step. Imports the model libraries: load it late."""

import time
from collections.abc import Sequence
from itertools import takewhile

from activities.step_attempt import StepAttempt
from heartbeat.agents.bodies.shapes import TokenUsage
from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import Completion, CompletionRequest, Progress, RequestedCall
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.prices import cost_nano_usd
from heartbeat.agents.prompt import ModelTurn, ToolTurn
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.domain.first_message import first_message
from heartbeat.settings import Settings
from heartbeat.store.runs.conduct import REPORT
from heartbeat.store.runs.steps import NewStep, ToolCall, Transcript
from heartbeat.store.tables.runs import Step

REPEATED_CALL = (
    "{model} repeated a tool call whose arguments the tool cannot take, after it was told what is wrong with them."
)


class ModelClient:
    """Asks the models of one process."""

    def __init__(self, settings: Settings) -> None:
        self._providers = ProviderClients(settings)

    async def ask(self, transcript: Transcript, tools: list[OfferedTool], attempt: StepAttempt) -> NewStep:
        """One request, an attempt at a step; raises `ModelFailure`."""
        run, started = transcript.run, time.monotonic()
        request = CompletionRequest(
            attempt.model,
            run.instruction,
            first_message(run.opening, run.prompt),
            run.max_reply_tokens,
            [_turn(step, attempt.model) for step in transcript.steps],
            tools,
            _progress(transcript.steps, tools),
            call_was_unreadable=attempt.codes[-1:] == ("malformed_tool_call",),
        )
        completion = await self._providers.complete(request)
        if _repeats_invalid_calls(transcript.steps, completion.calls):
            usage = TokenUsage(completion.input_tokens, completion.output_tokens)
            raise ModelFailure("malformed_tool_call", REPEATED_CALL.format(model=attempt.model), usage=usage)
        return _step(attempt, completion, round((time.monotonic() - started) * 1000))

    async def close(self) -> None:
        """Give the connections back."""
        await self._providers.close()


def _step(attempt: StepAttempt, completion: Completion, duration_ms: int) -> NewStep:
    return NewStep(
        number=attempt.step,
        answer=completion.text,
        messages=completion.messages,
        model=attempt.model,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        duration_ms=duration_ms,
        failure_code=completion.failure_code,
        failure=completion.failure,
        calls=[ToolCall(call.tool, call.call_id, call.arguments) for call in completion.calls],
        attempt=attempt.number,
        cost_nano_usd=cost_nano_usd(attempt.model, completion.input_tokens, completion.output_tokens),
        cut=completion.cut,
        fell_back_from=attempt.fell_back_from,
        fallback_reason=attempt.fallback_reason,
    )


def _repeats_invalid_calls(steps: Sequence[Step], calls: Sequence[RequestedCall]) -> bool:
    """Whether a model asks once more for just the calls whose arguments it was told are none. It would go on so."""
    before = list(takewhile(lambda step: step.kind == "tool", reversed(steps)))[::-1]
    return (
        bool(calls)
        and all(step.failure_code == "invalid_arguments" for step in before)
        and [(step.name, step.arguments) for step in before] == [(call.tool, call.arguments) for call in calls]
    )


def _progress(steps: Sequence[Step], tools: Sequence[OfferedTool]) -> Progress:
    """What was done in the steps so far; in a rehearsal what was written down counts as done."""
    acting = {tool.name for tool in tools if tool.acts or tool.name == REPORT}
    names = [step.name for step in steps if step.kind == "tool" and step.failure_code in (None, "rehearsed")]
    return Progress(any(name in acting for name in names), REPORT in names)


def _turn(step: Step, model: str) -> ModelTurn | ToolTurn:
    if step.kind == "model":
        return ModelTurn(step.messages, step.reminder, by_another=step.model != model)
    return ToolTurn(step.name or "", step.call_id or "", step.answer)
