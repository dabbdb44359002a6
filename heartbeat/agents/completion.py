"""One request to a model and what came back, the same for every provider."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_core import PydanticSerializationError

from heartbeat.agents.bodies.shapes import TokenUsage
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.non_answers import only_announces, refuses
from heartbeat.agents.prompt import ModelTurn, ToolTurn
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.agents.written_calls import written_call
from heartbeat.domain.text import storable

RAISE_LIMIT = "raise the bot's max_reply_tokens."
WRITTEN_CALL = (
    "{model} wrote a tool call into its words instead of making it, so nothing was called; its server may lack a "
    "parser for this model's tool calls."
)
# What a token of English comes to in most tokenizers.
BYTES_PER_TOKEN = 4


@dataclass(frozen=True)
class Progress:
    """What a run's agent has done so far: a tool call that succeeded and acts, and its report."""

    acted: bool = False
    reported: bool = False


@dataclass(frozen=True)
class CompletionRequest:
    """One request: to `model` (`provider:name`), with the turns of the run so far and the tools it may call.

    `call_was_unreadable`: nobody could read the tool call in the answer to the same request before; the model is told.
    """

    model: str
    instruction: str
    prompt: str
    max_reply_tokens: int
    turns: Sequence[ModelTurn | ToolTurn] = ()
    tools: Sequence[OfferedTool] = ()
    progress: Progress = Progress()
    call_was_unreadable: bool = False


@dataclass(frozen=True)
class RequestedCall:
    """A tool call that the model asks for; `arguments` is JSON as the model wrote it."""

    tool: str
    call_id: str
    arguments: str


@dataclass(frozen=True)
class Completion:
    """What came back and was paid for. `text` is what the model said; `messages` is the whole response as JSON.

    `failure_code` and `failure` are set when it is of no use: refused by a filter, empty, or cut off. `cut` marks an
    answer that ended at the bot's max_reply_tokens.
    """

    text: str
    messages: str
    calls: Sequence[RequestedCall]
    input_tokens: int
    output_tokens: int
    failure_code: str | None = None
    failure: str | None = None
    cut: bool = False


def read_response(request: CompletionRequest, messages: Sequence[ModelMessage], response: ModelResponse) -> Completion:
    """Read a provider's `response` to `messages`, which `request` was made into.

    Raises `ModelFailure` for a tool call that stands in the words.
    """
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
    reply = text + "".join(call.arguments for call in calls)
    usage = _tokens(response, messages, request.tools, reply)
    if not calls and written_call(text, {tool.name for tool in request.tools}):
        raise ModelFailure("malformed_tool_call", WRITTEN_CALL.format(model=request.model), retryable=True, usage=usage)
    cut = not calls and response.finish_reason == "length"
    failure_code, failure = (None, None) if calls else _failure(request, text, response)
    return Completion(text, serialized, calls, usage.input_tokens, usage.output_tokens, failure_code, failure, cut)


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


def estimated_usage(messages: Sequence[ModelMessage], tools: Sequence[OfferedTool], written: int) -> TokenUsage:
    """Estimate the tokens of a request by its length, and those of a reply of `written` bytes."""
    definitions = json.dumps([[tool.name, tool.description, tool.schema] for tool in tools])
    size = len(ModelMessagesTypeAdapter.dump_json(list(messages))) + len(definitions)
    return TokenUsage(ceil(size / BYTES_PER_TOKEN), ceil(written / BYTES_PER_TOKEN))


def _tokens(
    response: ModelResponse, messages: Sequence[ModelMessage], tools: Sequence[OfferedTool], reply: str
) -> TokenUsage:
    """Tokens read and written. A server that reports none is not free of charge: no budget would ever end its runs."""
    usage = response.usage
    if usage.input_tokens or usage.output_tokens:
        return TokenUsage(usage.input_tokens, usage.output_tokens)
    return estimated_usage(messages, tools, len(reply.encode()))


def _failure(request: CompletionRequest, text: str, response: ModelResponse) -> tuple[str | None, str | None]:
    """The code and the words for a response without calls that is of no use, if it is not."""
    model, progress, finish = request.model, request.progress, response.finish_reason
    if finish == "content_filter":
        return "model_refused", f"{model}: the provider's filter refused this request; change the prompt."
    if finish == "length" and not progress.reported:
        if text:
            return "cut_off", _cut_off(request, response)
        return "empty_answer", f"{model} used up its reply before it said anything; {RAISE_LIMIT}"
    if not text:
        # Having done everything through its tools, an agent ends its turn with nothing.
        said_nothing = f"{model} gave an empty answer; change the prompt or the model."
        return (None, None) if progress.acted else ("empty_answer", said_nothing)
    if refuses(text):
        return "model_refused", f"{model} declined, and said no more than that; change the prompt or the model."
    if request.tools and not progress.reported and only_announces(text):
        return (
            "only_announced",
            f"{model} only said what it would do next; change the prompt or the model.",
        )
    return None, None


def _cut_off(request: CompletionRequest, response: ModelResponse) -> str:
    """Say where an answer was cut off; a server with a smaller limit, or a full context, does it earlier."""
    written, limit = response.usage.output_tokens, request.max_reply_tokens
    if 0 < written < limit:
        smaller = (
            f"raise the bot's max_reply_tokens ({limit}), or its server's own limit or context if that is smaller."
        )
        return f"{request.model} was cut off after {written} tokens; {smaller}"
    return f"{request.model} was cut off at {limit} tokens; {RAISE_LIMIT}"
