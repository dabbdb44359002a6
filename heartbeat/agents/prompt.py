"""What a model is given: the bot's instruction, the run's first message, and what was said and done since."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)


@dataclass(frozen=True)
class ModelTurn:
    """A response of the model, as `Completion.messages` has it, and what it was told after it, if that was no end.

    `by_another`: it is not of the model that reads it now.
    """

    messages: str
    reminder: str | None = None
    by_another: bool = False


@dataclass(frozen=True)
class ToolTurn:
    """The result of a tool call, as the model is shown it."""

    tool: str
    call_id: str
    text: str


UNREADABLE_CALL = (
    "The tool call in your last answer could not be read, so nothing was called. Call the tool through the API's tool "
    "calls, with its arguments as JSON, and not in your text; or, if you are done, answer in words."
)
# What OpenAI, Anthropic, Mistral and Google take as the name of a function and as the id of a call, all of them.
STRICT = re.compile(r"[A-Za-z0-9_-]{1,64}")
REFUSED = re.compile(r"[^A-Za-z0-9_-]+")


def messages_of(instruction: str, prompt: str, turns: Sequence[ModelTurn | ToolTurn]) -> list[ModelMessage]:
    """Make the messages of the next request. The results of one response's calls go back together, in their order.

    Names and ids go back as a strict server takes them: models make up names, and ids that they used before.
    """
    instructions = instruction or None
    messages: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart(prompt)], instructions=instructions)]
    used: set[str] = set()
    waiting: list[ToolCallPart] = []
    for turn in turns:
        if isinstance(turn, ModelTurn):
            responses = [_strict(message, used) for message in ModelMessagesTypeAdapter.validate_json(turn.messages)]
            responses = [_without_thoughts(response) for response in responses] if turn.by_another else responses
            waiting = [part for response in responses for part in response.parts if isinstance(part, ToolCallPart)]
            messages += responses
            if turn.reminder is not None:
                messages = _reminded(messages, turn.reminder, instructions)
            continue
        call = waiting.pop(0) if waiting else ToolCallPart(turn.tool, None, turn.call_id)
        result = ToolReturnPart(call.tool_name, turn.text, call.tool_call_id)
        last = messages[-1]
        if isinstance(last, ModelRequest) and len(messages) > 1:
            messages[-1] = ModelRequest(parts=[*last.parts, result], instructions=instructions)
        else:
            messages.append(ModelRequest(parts=[result], instructions=instructions))
    return messages


def _reminded(messages: list[ModelMessage], reminder: str, instructions: str | None) -> list[ModelMessage]:
    """Add what the model is told after its response. One that says nothing does not go back: servers refuse it."""
    *before, response = messages
    said = any(part.part_kind == "tool-call" or (part.part_kind == "text" and part.content) for part in response.parts)
    last = before[-1]
    assert isinstance(last, ModelRequest)
    if said:
        return [*messages, ModelRequest(parts=[UserPromptPart(reminder)], instructions=instructions)]
    return [*before[:-1], replace(last, parts=[*last.parts, UserPromptPart(reminder)])]


def told_of_unreadable_call(messages: Sequence[ModelMessage]) -> list[ModelMessage]:
    """Add to a request what was wrong with the answer to it; the answer itself does not go back."""
    last = messages[-1]
    assert isinstance(last, ModelRequest)
    return [*messages[:-1], replace(last, parts=[*last.parts, UserPromptPart(UNREADABLE_CALL)])]


def _strict(message: ModelMessage, used: set[str]) -> ModelResponse:
    """A response whose calls have names and ids that every provider takes, and no id that is among those `used`."""
    assert isinstance(message, ModelResponse)
    return replace(message, parts=[_part(part, used) for part in message.parts])


def _without_thoughts(response: ModelResponse) -> ModelResponse:
    """What another model said, without what it thought: that is signed for it, or would be read as its words."""
    spoken = [part for part in response.parts if not isinstance(part, ThinkingPart)]
    return replace(response, parts=spoken or [TextPart("")])


def _part(part: ModelResponsePart, used: set[str]) -> ModelResponsePart:
    if not isinstance(part, ToolCallPart):
        return part
    name = part.tool_name if STRICT.fullmatch(part.tool_name) else REFUSED.sub("_", part.tool_name)[:64] or "unnamed"
    call_id = part.tool_call_id
    if call_id in used or not STRICT.fullmatch(call_id):
        call_id = next(fresh for number in count(len(used) + 1) if (fresh := f"call{number:05d}") not in used)
    used.add(call_id)
    return replace(cast("ToolCallPart[str]", part), tool_name=name, tool_call_id=call_id)
