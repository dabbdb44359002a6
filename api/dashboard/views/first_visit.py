"""What leads somebody who has no heartbeat yet: templates to begin from, and whether a capable model is there."""

import asyncio
from dataclasses import dataclass

from api.dashboard.gallery import gallery
from heartbeat.agents.local import weights_file
from heartbeat.agents.model_names import LOCAL, choose_default_model
from heartbeat.agents.ollama import ollama_models
from heartbeat.settings import Settings

# What gives the workers a capable model, each with where to get it.
VARIABLES = (
    ("OPENAI_API_KEY", "platform.openai.com/api-keys"),
    ("ANTHROPIC_API_KEY", "console.anthropic.com/settings/keys"),
    ("GOOGLE_API_KEY", "aistudio.google.com/apikey"),
)


@dataclass(frozen=True)
class TemplateCard:
    """A template as the page offers it."""

    key: str
    name: str
    description: str


@dataclass(frozen=True)
class FirstVisit:
    """`model` is what a bot without one uses; `ollama` what an Ollama on this machine has, if that is looked for.

    `state` is capable, ollama, small (the one that comes with the product) or none.
    """

    state: str
    model: str
    ollama: list[str]
    templates: list[TemplateCard]
    variables: tuple[tuple[str, str], ...] = VARIABLES


async def first_visit(settings: Settings) -> FirstVisit:
    """Look which models there are; an Ollama is given a second to answer."""
    model = choose_default_model(settings)
    # In a thread: it waits for an answer.
    ollama = await asyncio.to_thread(ollama_models, settings)
    state = "ollama" if ollama else "capable" if model != LOCAL else "small" if weights_file() else "none"
    cards = [TemplateCard(key, template.name, template.description) for key, template in gallery().items()]
    return FirstVisit(state, model, ollama, cards)
