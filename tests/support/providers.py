"""A model of each dialect, whose provider is a server on loopback."""

import json
from pathlib import Path
from typing import Any

from heartbeat.settings import Settings
from tests.support.raw_provider import RawProvider

CORPUS = Path(__file__).parents[1] / "corpus" / "answers"
MODELS = {"openai": "openai:m", "anthropic": "anthropic:claude-x", "google": "google:gemini-x"}
OF_LIBRARIES = ("validation error", "pydantic", "list index", "NoneType", "has no attribute", "Traceback", "Error(")


def settings_for(provider: RawProvider) -> Settings:
    return Settings(
        _env_file=None,
        openai_base_url=f"{provider.url}/v1",
        openai_api_key="k-test",
        anthropic_base_url=provider.url,
        anthropic_api_key="k-test",
        google_base_url=provider.url,
        google_api_key="k-test",
        step_timeout_seconds=20,
    )


def corpus_response(name: str) -> tuple[int, dict[str, str], Any]:
    """The response that a file of the corpus has, such as `anthropic/call`."""
    shape = json.loads((CORPUS / f"{name}.json").read_text())
    return shape.get("status", 200), shape.get("headers", {}), shape.get("text", shape.get("body"))
