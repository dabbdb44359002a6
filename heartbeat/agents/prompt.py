"""What a model is given: the bot's instruction, the run's first message, and what was said and done since."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelRequest, ToolReturnPart, UserPromptPart


@dataclass(frozen=True)
class ModelTurn:
    """A response of the model, as `Completion.messages` has it."""

    messages: str


@dataclass(frozen=True)
class ToolTurn:
    """The result of a tool call, as the model is shown it."""

    tool: str
    call_id: str
    text: str


def messages_of(instruction: str, prompt: str, turns: Sequence[ModelTurn | ToolTurn]) -> list[ModelMessage]:
    """Make the messages of the next request. The results of one response's calls go back together."""
    instructions = instruction or None
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(prompt)], instructions=instructions)]
    for turn in turns:
        if isinstance(turn, ModelTurn):
            messages += ModelMessagesTypeAdapter.validate_json(turn.messages)
            continue
        result = ToolReturnPart(turn.tool, turn.text, turn.call_id)
        last = messages[-1]
        if isinstance(last, ModelRequest) and len(messages) > 1:
            messages[-1] = ModelRequest(parts=[*last.parts, result], instructions=instructions)
        else:
            messages.append(ModelRequest(parts=[result], instructions=instructions))
    return messages
