"""What a model is given: the bot's instruction, the run's first message, and what was said and done since."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelRequest, ToolReturnPart, UserPromptPart


@dataclass(frozen=True)
class ModelTurn:
    """An answer of the model, as `Answer.messages` has it."""

    messages: str


@dataclass(frozen=True)
class ToolTurn:
    """What a tool call came to."""

    tool: str
    call_id: str
    text: str


def messages_of(instruction: str, prompt: str, turns: Sequence[ModelTurn | ToolTurn]) -> list[ModelMessage]:
    """The messages of the next request. The results of one answer's calls go back together."""
    told = instruction or None
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(prompt)], instructions=told)]
    for turn in turns:
        if isinstance(turn, ModelTurn):
            messages += ModelMessagesTypeAdapter.validate_json(turn.messages)
            continue
        result = ToolReturnPart(turn.tool, turn.text, turn.call_id)
        last = messages[-1]
        if isinstance(last, ModelRequest) and len(messages) > 1:
            messages[-1] = ModelRequest(parts=[*last.parts, result], instructions=told)
        else:
            messages.append(ModelRequest(parts=[result], instructions=told))
    return messages
