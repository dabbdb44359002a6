"""The clients of the model providers, each with its address and key. They make exactly one attempt a request."""

from httpx2 import AsyncClient
from pydantic import SecretStr
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from heartbeat.agents.failures import ModelFailure
from heartbeat.settings import Settings

# Temporal retries. Set where a client is made: given with a request, it would have the client copied for each one.
NO_RETRIES = 0


def make_model(name: str, settings: Settings, http: AsyncClient) -> Model:
    """The client for `provider:name` with its address and key; raises `ModelFailure` when the key is missing."""
    provider, _, model = name.partition(":")
    if provider == "anthropic":
        key = _key(settings.anthropic_api_key, "ANTHROPIC_API_KEY", name)
        return _anthropic(model, key, settings.anthropic_base_url, http)
    if provider == "google":
        key = _key(settings.google_api_key, "GOOGLE_API_KEY", name)
        return _google(model, key, settings.google_base_url, http)
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


def _google(model: str, key: str, base_url: str | None, http: AsyncClient) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(api_key=key, base_url=base_url, http_client=http)
    return GoogleModel(model, provider=provider, settings=ModelSettings(max_retries=NO_RETRIES))
