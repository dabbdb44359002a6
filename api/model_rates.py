"""What models charge, as the settings have it, for looks ahead."""

from collections.abc import Sequence

from heartbeat.agents.model_names import resolve_fallbacks, resolve_model
from heartbeat.domain.credits import rate_for
from heartbeat.settings import Settings
from heartbeat.store.heartbeats.estimates import ModelRates


def model_rates(settings: Settings) -> ModelRates:
    """Name models in full, and price them."""

    def models(name: str | None, fallbacks: Sequence[str], chat_mode: str) -> list[str]:
        model = resolve_model(name, settings)
        return [model, *resolve_fallbacks(model, fallbacks, chat_mode, settings)]

    return ModelRates(models, lambda model: rate_for(model, settings.credits_per_1000_tokens, settings.model_rates))
