"""Whose rate a provider limits: that of a model, asked with one key at one address."""

from hashlib import sha256

from heartbeat.domain.fallbacks import provider_of
from heartbeat.settings import Settings


def rate_limit_scope(model: str, settings: Settings) -> str:
    """The scope of a limit: the model, and of key and address what tells them apart and nothing of them."""
    provider = provider_of(model)
    key = getattr(settings, f"{provider}_api_key", None)
    address = getattr(settings, f"{provider}_base_url", None)
    secret = key.get_secret_value() if key else ""
    return f"{model}#{sha256(f'{secret} {address}'.encode()).hexdigest()[:12]}"
