"""The models that a new bot is offered, each with what it costs. Any other can be named, too."""

from dataclasses import dataclass
from functools import cache

from heartbeat.agents.model_names import choose_default_model
from heartbeat.agents.ollama import ollama_models
from heartbeat.domain.plans import Plan
from heartbeat.settings import Settings

# A few of each provider, the cheap ones first; what they cost is looked up.
OFFERED = {
    "openai": ("gpt-6-luna", "gpt-5.4-mini", "gpt-6.1-terra", "gpt-6.1-sol"),
    "anthropic": ("claude-haiku-5-5", "claude-haiku-4-5", "claude-sonnet-5-5", "claude-opus-5-5"),
    "google": ("gemini-2.5-flash-lite", "gemini-2.5-flash", "gemini-3.8-flash", "gemini-2.5-pro"),
}
# Tokens that are priced: so few that no model charges more for a long request.
PRICED, MILLION = 1_000, 1_000_000


@dataclass(frozen=True)
class ModelOffer:
    """A model (`provider:name`) and its price in billionths of a US dollar for a million tokens; 0 where unknown."""

    name: str
    input_nano_usd: int
    output_nano_usd: int


def offered_models(settings: Settings, plan: Plan) -> list[ModelOffer]:
    """List the default model, then what the plan allows of every provider with a key, or of an Ollama on this machine.

    Blocks while an Ollama is asked, for a second at most.
    """
    keys = {
        "openai": settings.openai_api_key if settings.openai_base_url is None else None,
        "anthropic": settings.anthropic_api_key,
        "google": settings.google_api_key,
    }
    names = [f"{provider}:{name}" for provider, key in keys.items() if key for name in OFFERED[provider]]
    allowed = [name for name in [*ollama_models(settings), *names] if plan.allows(name)]
    return [_offer(name) for name in dict.fromkeys([choose_default_model(settings), *allowed])]


@cache
def _offer(name: str) -> ModelOffer:
    # The price list takes half a second to load, and only who makes a bot needs it.
    from heartbeat.agents.prices import cost_nano_usd

    scale = MILLION // PRICED
    return ModelOffer(name, cost_nano_usd(name, PRICED, 0) * scale, cost_nano_usd(name, 0, PRICED) * scale)
