"""Which model a bot speaks to. Light: the API names models with it and never loads a provider's library."""

from collections.abc import Sequence

from heartbeat.domain.model_names import full_name
from heartbeat.settings import Settings

LOCAL = "local:smollm2"
CAPABLE = {
    "openai": "openai:gpt-5.4-mini",
    "anthropic": "anthropic:claude-haiku-4-5",
    "google": "google:gemini-2.5-flash",
}


def resolve_model(name: str | None, settings: Settings) -> str:
    """`provider:name` for what a client wrote: itself, a bare name by its beginning, or the default for nothing."""
    if not (name and name.strip()):
        return choose_default_model(settings)
    return full_name(name, settings.default_provider)


def resolve_fallbacks(model: str, names: Sequence[str], chat_mode: str, settings: Settings) -> list[str]:
    """Which models stand in for `model` (`provider:name`): each once, and with its tools where it has some."""
    resolved = dict.fromkeys(resolve_model(name, settings) for name in names)
    needs_tools = takes_tools(chat_mode, model)
    return [name for name in resolved if name != model and (takes_tools(chat_mode, name) or not needs_tools)]


def choose_default_model(settings: Settings) -> str:
    """The model of a bot that names none: the setting, else by the key that is there, else the local one."""
    if settings.default_model:
        return resolve_model(settings.default_model, settings)
    if settings.openai_api_key:
        return CAPABLE["openai"]
    if settings.anthropic_api_key:
        return CAPABLE["anthropic"]
    if settings.google_api_key:
        return CAPABLE["google"]
    return LOCAL


def takes_tools(chat_mode: str, model: str) -> bool:
    """Decide whether a run is offered tools: not in ask mode, and not on the small local model."""
    # The model that comes with the product stumbles over tools.
    return chat_mode != "ask" and not model.startswith("local:")
