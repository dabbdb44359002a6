"""The clients of the model providers, each with its address and key. They make exactly one attempt a request."""

from collections.abc import Callable
from importlib import import_module

from httpx2 import AsyncClient
from pydantic import SecretStr
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from heartbeat.agents.failures import ModelFailure
from heartbeat.settings import Settings

# Temporal retries. Set where a client is made: given with a request, it would have the client copied for each one.
NO_RETRIES = 0
# Always given: without one the libraries read their variables of the environment, as they stand there.
OPENAI_URL, ANTHROPIC_URL = "https://api.openai.com/v1", "https://api.anthropic.com"
GOOGLE_URL = "https://generativelanguage.googleapis.com/"
# What `models_of` imports. That of OpenAI also speaks to those that are compatible with it.
OPENAI = (
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai",
    "pydantic_ai.providers.openai_compatible",
    "heartbeat.agents.plain_requests",
)
ANTHROPIC = "pydantic_ai.models.anthropic", "pydantic_ai.providers.anthropic"
GOOGLE = "pydantic_ai.models.google", "pydantic_ai.providers.google"


def load(settings: Settings) -> None:
    """Import the clients of the providers that the settings have keys for, which takes a second or two.

    Without any key a model on this machine answers.
    """
    of_others = (*(ANTHROPIC if settings.anthropic_api_key else ()), *(GOOGLE if settings.google_api_key else ()))
    for name in (*of_others, *(OPENAI if settings.openai_api_key or not of_others else ())):
        import_module(name)


def models_of(service: str, settings: Settings, http: AsyncClient) -> Callable[[str], Model]:
    """Make the client of one provider and return what makes its models by name.

    Raises `ModelFailure` when the key is missing.
    """
    if service == "anthropic":
        return _anthropic(_key(settings.anthropic_api_key, "ANTHROPIC_API_KEY"), settings.anthropic_base_url, http)
    if service == "google":
        return _google(_key(settings.google_api_key, "GOOGLE_API_KEY"), settings.google_base_url, http)
    if service == "ollama":
        return _compatible("ollama", settings.ollama_base_url, None, http)
    if service == "local":
        return _compatible("local", settings.local_url, None, http)
    if settings.openai_base_url:
        return _compatible("openai-compatible", settings.openai_base_url, settings.openai_api_key, http)
    return _openai(_key(settings.openai_api_key, "OPENAI_API_KEY"), http)


def _key(key: SecretStr | None, variable: str) -> str:
    if key is None:
        raise ModelFailure(
            "missing_key", f"There is no key for this provider: set {variable} for the workers and restart them."
        )
    return key.get_secret_value()


def _openai(key: str, http: AsyncClient) -> Callable[[str], Model]:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    from heartbeat.agents.plain_requests import send_plainly

    provider = OpenAIProvider(base_url=OPENAI_URL, api_key=key, http_client=http)
    provider.client.max_retries = NO_RETRIES
    send_plainly(provider.client)
    return lambda model: OpenAIChatModel(model, provider=provider)


def _compatible(service: str, base_url: str, key: SecretStr | None, http: AsyncClient) -> Callable[[str], Model]:
    """Chat completions as Ollama, vLLM and llama.cpp serve them; they know `max_tokens`, not its newer name."""
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    from heartbeat.agents.plain_requests import send_plainly

    api_key = key.get_secret_value() if key else "none"
    provider = OpenAICompatibleProvider(service, base_url=base_url, api_key=api_key, http_client=http)
    provider.client.max_retries = NO_RETRIES
    send_plainly(provider.client)
    # A tool's schema goes out as its server gave it: what would be put right is for OpenAI's own strict mode.
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False, json_schema_transformer=None)
    return lambda model: OpenAIChatModel(model, provider=provider, profile=profile)


def _anthropic(key: str, base_url: str | None, http: AsyncClient) -> Callable[[str], Model]:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(api_key=key, base_url=base_url or ANTHROPIC_URL, http_client=http)
    provider.client.max_retries = NO_RETRIES
    return lambda model: AnthropicModel(model, provider=provider)


def _google(key: str, base_url: str | None, http: AsyncClient) -> Callable[[str], Model]:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(api_key=key, base_url=base_url or GOOGLE_URL, http_client=http)
    settings = ModelSettings(max_retries=NO_RETRIES)
    return lambda model: GoogleModel(model, provider=provider, settings=settings)
