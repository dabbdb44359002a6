"""One model request, provider-neutral. Retries are Temporal's: the clients here make exactly one attempt."""

import json
from asyncio import Lock
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from math import ceil

from httpx2 import AsyncClient
from pydantic import SecretStr
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_core import PydanticSerializationError

from heartbeat.agents.failures import ModelFailure, explain
from heartbeat.agents.http import model_http_client
from heartbeat.agents.prompt import ModelTurn, ToolTurn, messages_of
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.domain.text import storable
from heartbeat.settings import Settings

# Set where a client is made: given with a request, it would have the client copied for each one.
NO_RETRIES = 0
# What a token of English comes to in most tokenizers.
BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class CompletionRequest:
    """One request: to `model` (`provider:name`), with the turns of the run so far and the tools it may ask for."""

    model: str
    instruction: str
    prompt: str
    max_reply_tokens: int
    turns: Sequence[ModelTurn | ToolTurn] = ()
    tools: Sequence[OfferedTool] = ()


@dataclass(frozen=True)
class RequestedCall:
    """A tool call that the model asks for; `arguments` is JSON as it wrote it."""

    tool: str
    call_id: str
    arguments: str


@dataclass(frozen=True)
class Completion:
    """What came back and was paid for. `text` is what the model said; `messages` its answer as JSON.

    `failure_code` and `failure` are set when it said nothing of use: refused by a filter, or empty.
    """

    text: str
    messages: str
    calls: Sequence[RequestedCall]
    input_tokens: int
    output_tokens: int
    failure_code: str | None = None
    failure: str | None = None


class ProviderClients:
    """The models of one process, each made when it is first asked, so that connections are used again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Model] = {}
        self._open = AsyncExitStack()
        self._making = Lock()
        self._http = model_http_client(float(settings.step_timeout_seconds))

    async def ask(self, question: CompletionRequest) -> Completion:
        """Send one request; raises `ModelFailure` in words the owner can act on."""
        name, timeout = question.model, float(self._settings.step_timeout_seconds)
        wishes = ModelSettings(max_tokens=question.max_reply_tokens, timeout=timeout)
        messages = messages_of(question.instruction, question.prompt, question.turns)
        may_call = ModelRequestParameters(function_tools=[_offered(tool) for tool in question.tools])
        try:
            model = await self._model(name)
            response = await model_request(model, messages, model_settings=wishes, model_request_parameters=may_call)
        except (ModelAPIError, UserError, UnexpectedModelBehavior) as problem:
            raise explain(name, problem) from problem
        response, written = _written(response)
        text = "\n".join(part.content for part in response.parts if part.part_kind == "text").strip()
        calls = [
            # As it came: the library would put right what was cut short, and a tool be called with half its arguments.
            RequestedCall(
                part.tool_name,
                part.tool_call_id,
                part.args if isinstance(part.args, str) else part.args_as_json_str(),
            )
            for part in response.parts
            if part.part_kind == "tool-call"
        ]
        code, failure = (None, None) if calls else _useless(name, text, response)
        return Completion(
            text,
            written,
            calls,
            *_used(response, messages, question.tools, text + "".join(call.arguments for call in calls)),
            code,
            failure,
        )

    async def _model(self, name: str) -> Model:
        async with self._making:
            if name not in self._made:
                self._made[name] = await self._open.enter_async_context(make_model(name, self._settings, self._http))
            return self._made[name]

    async def close(self) -> None:
        """Give every connection back."""
        await self._open.aclose()
        await self._http.aclose()


def _used(
    response: ModelResponse, messages: Sequence[ModelMessage], tools: Sequence[OfferedTool], said: str
) -> tuple[int, int]:
    """Tokens read and written. A server that reports none is not free of charge: no budget would ever end its runs."""
    usage = response.usage
    if usage.input_tokens or usage.output_tokens:
        return usage.input_tokens, usage.output_tokens
    offered = json.dumps([[tool.name, tool.description, tool.schema] for tool in tools])
    read = len(ModelMessagesTypeAdapter.dump_json(list(messages))) + len(offered)
    return ceil(read / BYTES_A_TOKEN), ceil(len(said.encode()) / BYTES_A_TOKEN)


def _written(response: ModelResponse) -> tuple[ModelResponse, str]:
    """An answer and its JSON. What no database takes is put right: the answer is paid for, and would be asked again."""
    with suppress(PydanticSerializationError):
        written = ModelMessagesTypeAdapter.dump_json([response]).decode()
        if "\\u0000" not in written:
            return response, written
    plain = storable(ModelMessagesTypeAdapter.dump_python([response], mode="json"))
    messages = ModelMessagesTypeAdapter.validate_python(plain)
    assert isinstance(messages[0], ModelResponse)
    return messages[0], ModelMessagesTypeAdapter.dump_json(messages).decode()


def _offered(tool: OfferedTool) -> ToolDefinition:
    return ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)


def _useless(name: str, text: str, response: ModelResponse) -> tuple[str | None, str | None]:
    if response.finish_reason == "content_filter":
        return "model_refused", f"{name}: the provider's filter refused this request; change the prompt."
    if text:
        return None, None
    if response.finish_reason == "length":
        return "empty_answer", f"{name} used up its reply before it said anything; raise the bot's max_reply_tokens."
    return "empty_answer", f"{name} gave an empty answer; change the prompt or the model."


def make_model(name: str, settings: Settings, http: AsyncClient) -> Model:
    """The client for `provider:name` with its address and key; raises `ModelFailure` when the key is missing."""
    provider, _, model = name.partition(":")
    if provider == "anthropic":
        key = _key(settings.anthropic_api_key, "ANTHROPIC_API_KEY", name)
        return _anthropic(model, key, settings.anthropic_base_url, http)
    if provider == "google":
        return _google(model, _key(settings.google_api_key, "GOOGLE_API_KEY", name), http)
    if provider == "ollama":
        return _compatible(model, "ollama", settings.ollama_base_url, None, http)
    if provider == "local":
        return _compatible(model, "local", settings.local_url, None, http)
    if settings.openai_base_url:
        return _compatible(model, "openai-compatible", settings.openai_base_url, settings.openai_api_key, http)
    return _openai(model, _key(settings.openai_api_key, "OPENAI_API_KEY", name), http)


def _key(key: SecretStr | None, variable: str, name: str) -> str:
    if key is None:
        raise ModelFailure(
            "missing_key", f"There is no key for {name}: set {variable} for the workers and restart them."
        )
    return key.get_secret_value()


def _openai(model: str, key: str, http: AsyncClient) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(api_key=key, http_client=http)
    provider.client.max_retries = NO_RETRIES
    return OpenAIChatModel(model, provider=provider)


def _compatible(model: str, service: str, base_url: str, key: SecretStr | None, http: AsyncClient) -> Model:
    """Chat completions as Ollama, vLLM and llama.cpp serve them; they know `max_tokens`, not its newer name."""
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    api_key = key.get_secret_value() if key else "none"
    provider = OpenAICompatibleProvider(service, base_url=base_url, api_key=api_key, http_client=http)
    provider.client.max_retries = NO_RETRIES
    # A tool's schema goes out as its server gave it: what would be put right is for OpenAI's own strict mode.
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False, json_schema_transformer=None)
    return OpenAIChatModel(model, provider=provider, profile=profile)


def _anthropic(model: str, key: str, base_url: str | None, http: AsyncClient) -> Model:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(api_key=key, base_url=base_url, http_client=http)
    provider.client.max_retries = NO_RETRIES
    return AnthropicModel(model, provider=provider)


def _google(model: str, key: str, http: AsyncClient) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(api_key=key, http_client=http)
    return GoogleModel(model, provider=provider, settings=ModelSettings(max_retries=NO_RETRIES))
