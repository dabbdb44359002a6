"""One request to a model and what came back, the same for every provider."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_core import PydanticSerializationError

from heartbeat.agents.prompt import ModelTurn, ToolTurn
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.domain.text import storable

# What a token of English comes to in most tokenizers.
BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class CompletionRequest:
    """One request: to `model` (`provider:name`), with the turns of the run so far and the tools it may call."""

    model: str
    instruction: str
    prompt: str
    max_reply_tokens: int
    turns: Sequence[ModelTurn | ToolTurn] = ()
    tools: Sequence[OfferedTool] = ()


@dataclass(frozen=True)
class RequestedCall:
    """A tool call that the model asks for; `arguments` is JSON as the model wrote it."""

    tool: str
    call_id: str
    arguments: str


@dataclass(frozen=True)
class Completion:
    """What came back and was paid for. `text` is what the model said; `messages` is the whole response as JSON.

    `failure_code` and `failure` are set when it said nothing of use: refused by a filter, or empty.
    """

    text: str
    messages: str
    calls: Sequence[RequestedCall]
    input_tokens: int
    output_tokens: int
    failure_code: str | None = None
    failure: str | None = None


def read_response(request: CompletionRequest, messages: Sequence[ModelMessage], response: ModelResponse) -> Completion:
    """Read a provider's `response` to `messages`, which `request` was made into."""
    response, serialized = _serialize(response)
    text = "\n".join(part.content for part in response.parts if part.part_kind == "text").strip()
    calls = [
        # As it came: the library would put right what was cut short, and a tool be called with half its arguments.
        RequestedCall(
            part.tool_name, part.tool_call_id, part.args if isinstance(part.args, str) else part.args_as_json_str()
        )
        for part in response.parts
        if part.part_kind == "tool-call"
    ]
    failure_code, failure = (None, None) if calls else _failure(request.model, text, response)
    reply = text + "".join(call.arguments for call in calls)
    input_tokens, output_tokens = _tokens(response, messages, request.tools, reply)
    return Completion(text, serialized, calls, input_tokens, output_tokens, failure_code, failure)


def _serialize(response: ModelResponse) -> tuple[ModelResponse, str]:
    """Return a response and its JSON, without what no database takes: it is paid for, and must not be asked again."""
    with suppress(PydanticSerializationError):
        serialized = ModelMessagesTypeAdapter.dump_json([response]).decode()
        if "\\u0000" not in serialized:
            return response, serialized
    plain = storable(ModelMessagesTypeAdapter.dump_python([response], mode="json"))
    messages = ModelMessagesTypeAdapter.validate_python(plain)
    assert isinstance(messages[0], ModelResponse)
    return messages[0], ModelMessagesTypeAdapter.dump_json(messages).decode()


def _tokens(
    response: ModelResponse, messages: Sequence[ModelMessage], tools: Sequence[OfferedTool], reply: str
) -> tuple[int, int]:
    """Tokens read and written. A server that reports none is not free of charge: no budget would ever end its runs."""
    usage = response.usage
    if usage.input_tokens or usage.output_tokens:
        return usage.input_tokens, usage.output_tokens
    definitions = json.dumps([[tool.name, tool.description, tool.schema] for tool in tools])
    size = len(ModelMessagesTypeAdapter.dump_json(list(messages))) + len(definitions)
    return ceil(size / BYTES_PER_TOKEN), ceil(len(reply.encode()) / BYTES_PER_TOKEN)


def _failure(model: str, text: str, response: ModelResponse) -> tuple[str | None, str | None]:
    """The code and the words for a response that is of no use, if it is not."""
    if response.finish_reason == "content_filter":
        return "model_refused", f"{model}: the provider's filter refused this request; change the prompt."
    if text:
        return None, None
    if response.finish_reason == "length":
        return "empty_answer", f"{model} used up its reply before it said anything; raise the bot's max_reply_tokens."
    return "empty_answer", f"{model} gave an empty answer; change the prompt or the model."
