"""An Ollama on this machine: looked for when nothing else says which model to use."""

from heartbeat.agents.model_names import LOCAL, choose_default_model
from heartbeat.settings import Settings

# It is on this machine, or it is not there.
SECONDS = 1.0
# Models that make vectors of texts, and do not answer.
NO_ANSWERS = "bert"


def ollama_models(settings: Settings) -> list[str]:
    """List its models as bots name them (`ollama:…`), the one that was last changed first; empty if there is none.

    Looks only if the settings name no model and have no provider's key. Blocks for a second at most.
    """
    if choose_default_model(settings) != LOCAL or settings.default_model or settings.openai_base_url:
        return []
    # Most APIs never look for one, and it weighs some megabytes.
    import httpx2

    from heartbeat.egress.client import system_tls

    url = f"{settings.ollama_base_url.rstrip('/').removesuffix('/v1')}/api/tags"
    try:
        with httpx2.Client(timeout=SECONDS, trust_env=False, verify=system_tls()) as client:
            return _names(client.get(url).json())
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        return []


def _names(answer: object) -> list[str]:
    models = answer.get("models") if isinstance(answer, dict) else None
    listed = [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    return [f"ollama:{model['name']}" for model in listed if _answers(model)]


def _answers(model: dict[str, object]) -> bool:
    details = model.get("details")
    family = str(details.get("family", "")) if isinstance(details, dict) else ""
    return isinstance(model.get("name"), str) and NO_ANSWERS not in family
