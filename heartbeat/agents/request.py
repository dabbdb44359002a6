"""One model request, provider-neutral. Retries are Temporal's: the clients here make exactly one attempt."""

from dataclasses import dataclass

from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from heartbeat.agents.failures import ModelFailure, explain
from heartbeat.settings import Settings


@dataclass(frozen=True)
class Answer:
    """`text` is what the model said; `messages` its answer as JSON, for the transcript."""

    text: str
    messages: str
    input_tokens: int
    output_tokens: int


class Models:
    """The models of one process, each made when it is first asked, so that connections are used again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Model] = {}

    async def ask(self, name: str, messages: list[ModelMessage], max_reply_tokens: int) -> Answer:
        """Send one request to `provider:name`; raises `ModelFailure` in words the owner can act on."""
        wishes = ModelSettings(
            max_tokens=max_reply_tokens, timeout=float(self._settings.step_timeout_seconds), max_retries=0
        )
        try:
            response = await model_request(self._model(name), messages, model_settings=wishes)
        except (ModelAPIError, UserError, UnexpectedModelBehavior) as problem:
            raise explain(name, problem) from problem
        if response.finish_reason == "content_filter":
            raise ModelFailure("model_refused", f"{name} refused this request; change the prompt.")
        text = "\n".join(part.content for part in response.parts if part.part_kind == "text").strip()
        if not text:
            why = " before its reply began: raise max_reply_tokens" if response.finish_reason == "length" else ""
            raise ModelFailure("empty_answer", f"{name} gave an empty answer{why}.", retryable=not why)
        return Answer(
            text,
            ModelMessagesTypeAdapter.dump_json([response]).decode(),
            response.usage.input_tokens,
            response.usage.output_tokens,
        )

    def _model(self, name: str) -> Model:
        if name not in self._made:
            self._made[name] = make(name, self._settings)
        return self._made[name]


def make(name: str, settings: Settings) -> Model:
    """The client for `provider:name` with its address and key; raises `ModelFailure` when the key is missing."""
    provider, _, model = name.partition(":")
    if provider == "anthropic":
        return _anthropic(model, settings)
    if provider == "google":
        return _google(model, settings)
    if provider == "ollama":
        return _compatible(model, "ollama", settings.ollama_base_url, None)
    if provider == "local":
        return _compatible(model, "local", settings.local_url, None)
    if settings.openai_base_url:
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        return _compatible(model, "openai-compatible", settings.openai_base_url, key)
    return _openai(model, settings)


def _openai(model: str, settings: Settings) -> Model:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    if settings.openai_api_key is None:
        raise _missing("OPENAI_API_KEY", model)
    client = AsyncOpenAI(api_key=settings.openai_api_key.get_secret_value(), max_retries=0)
    return OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))


def _compatible(model: str, service: str, base_url: str, key: str | None) -> Model:
    """Chat completions as Ollama, vLLM and llama.cpp serve them; they know `max_tokens`, not its newer name."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    client = AsyncOpenAI(base_url=base_url, api_key=key or "none", max_retries=0)
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
    return OpenAIChatModel(model, provider=OpenAICompatibleProvider(service, openai_client=client), profile=profile)


def _anthropic(model: str, settings: Settings) -> Model:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    if settings.anthropic_api_key is None:
        raise _missing("ANTHROPIC_API_KEY", model)
    client = AsyncAnthropic(
        api_key=settings.anthropic_api_key.get_secret_value(), base_url=settings.anthropic_base_url, max_retries=0
    )
    return AnthropicModel(model, provider=AnthropicProvider(anthropic_client=client))


def _google(model: str, settings: Settings) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    if settings.google_api_key is None:
        raise _missing("GOOGLE_API_KEY", model)
    return GoogleModel(model, provider=GoogleProvider(api_key=settings.google_api_key.get_secret_value()))


def _missing(variable: str, model: str) -> ModelFailure:
    return ModelFailure("missing_key", f"There is no key for {model}: set {variable} for the workers and restart them.")
