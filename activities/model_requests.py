"""From a transcript to the request, from the answer to the step. Imports the model libraries: load it late."""

import time

from heartbeat.agents.prices import cost_nano_usd
from heartbeat.agents.prompt import ModelTurn, ToolTurn
from heartbeat.agents.request import Completion, CompletionRequest, ProviderClients
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.domain.first_message import first_message
from heartbeat.settings import Settings
from heartbeat.store.runs.steps import NewStep, ToolCall, Transcript
from heartbeat.store.tables.runs import Run, Step


class ModelClient:
    """Asks the models of one process."""

    def __init__(self, settings: Settings) -> None:
        self._models = ProviderClients(settings)

    async def ask(self, standing: Transcript, tools: list[OfferedTool], number: int, attempt: int) -> NewStep:
        """One request, as step `number`; raises `ModelFailure`."""
        run, began = standing.run, time.monotonic()
        turns = [_turn(step) for step in standing.steps]
        question = CompletionRequest(
            run.model, run.instruction, first_message(run.opening, run.prompt), run.max_reply_tokens, turns, tools
        )
        answer = await self._models.ask(question)
        return _step(run, answer, number, attempt, round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Give the connections back."""
        await self._models.close()


def unanswered(run: Run, number: int, attempt: int, input_tokens: int = 0) -> NewStep:
    """An attempt of which nothing came back; `input_tokens` is the most it can have read."""
    cost = cost_nano_usd(run.model, input_tokens, 0)
    return NewStep(number, "", "", run.model, input_tokens, 0, 0, attempt=attempt, cost_nano_usd=cost)


def _step(run: Run, answer: Completion, number: int, attempt: int, duration_ms: int) -> NewStep:
    return NewStep(
        number=number,
        answer=answer.text,
        messages=answer.messages,
        model=run.model,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        duration_ms=duration_ms,
        failure_code=answer.failure_code,
        failure=answer.failure,
        calls=[ToolCall(call.tool, call.call_id, call.arguments) for call in answer.calls],
        attempt=attempt,
        cost_nano_usd=cost_nano_usd(run.model, answer.input_tokens, answer.output_tokens),
    )


def _turn(step: Step) -> ModelTurn | ToolTurn:
    if step.kind == "model":
        return ModelTurn(step.messages)
    return ToolTurn(step.name or "", step.call_id or "", step.answer)
