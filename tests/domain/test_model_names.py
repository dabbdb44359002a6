"""One model has one rate and is allowed or not, however somebody spells it."""

import pytest
from pydantic import ValidationError

from heartbeat.agents.model_names import CAPABLE, LOCAL, choose_default_model, resolve_model
from heartbeat.domain.credits import rate_for
from heartbeat.settings import Settings

SPELLINGS = {
    "openai:gpt-5.4": (
        "openai:gpt-5.4",
        "OpenAI:GPT-5.4",
        "gpt-5.4",
        "GPT-5.4",
        " openai : gpt-5.4 ",
        "openai:gpt-5.4\n",
    ),
    "google:gemini-3.8-flash": ("gemini-3.8-flash", "google:models/gemini-3.8-flash", "Google:Gemini-3.8-Flash"),
    "ollama:qwen3": ("ollama:qwen3", "ollama:qwen3:latest", "Ollama:Qwen3:latest"),
    "openai:org/own": ("org/own", "openai:Org/Own"),
}
PAIRS = [(model, spelling) for model, spellings in SPELLINGS.items() for spelling in spellings]


def settings_with(**values: object) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(("model", "spelling"), PAIRS)
def test_a_model_has_its_rate_however_the_bot_or_the_rates_spell_it(model: str, spelling: str) -> None:
    for name, rates in ((spelling, {model: 10}), (model, {spelling: 10})):
        settings = settings_with(model_rates=rates)
        assert rate_for(resolve_model(name, settings), 1, settings.model_rates) == 10


@pytest.mark.parametrize(("model", "spelling"), PAIRS)
def test_a_plan_allows_a_model_however_either_is_spelled(model: str, spelling: str) -> None:
    for name, allowed in ((spelling, model), (model, spelling)):
        plan = settings_with(plans={"small": {"models": [allowed]}}).plan("small")
        assert plan.allows(name)
        assert not plan.allows(f"{name.strip()}-pro")


@pytest.mark.parametrize(("name", "is_allowed"), [("Anthropic:claude-x", True), ("claude-x", True), ("gpt-5.4", False)])
def test_a_plan_allows_all_models_of_a_provider(name: str, is_allowed: bool) -> None:
    assert settings_with(plans={"small": {"models": [" Anthropic:*"]}}).plan("small").allows(name) == is_allowed


def test_a_bare_name_is_of_the_default_provider_for_plans_and_rates() -> None:
    settings = settings_with(
        default_provider="Ollama", plans={"small": {"models": ["qwen3"]}}, model_rates={"qwen3": 3}
    )
    assert settings.plan("small").allows("ollama:qwen3")
    assert rate_for(resolve_model("qwen3", settings), 1, settings.model_rates) == 3


def test_what_is_sent_to_a_provider_keeps_its_letters() -> None:
    assert resolve_model(" OpenAI:Meta-Llama/Llama-4 ", settings_with()) == "openai:Meta-Llama/Llama-4"
    assert resolve_model(" ", settings_with(default_model="gpt-5.4")) == "openai:gpt-5.4"


def test_two_rates_for_one_model_are_refused() -> None:
    with pytest.raises(ValidationError, match="one model twice"):
        settings_with(model_rates={"gpt-5.4": 10, "OpenAI:gpt-5.4": 1})


@pytest.mark.parametrize(
    ("keys", "model"),
    [
        ({}, LOCAL),
        ({"google_api_key": "x"}, CAPABLE["google"]),
        ({"google_api_key": "x", "anthropic_api_key": "x"}, CAPABLE["anthropic"]),
        ({"anthropic_api_key": "x", "openai_api_key": "x"}, CAPABLE["openai"]),
        ({"openai_api_key": "x", "default_model": "gpt-5.4"}, "openai:gpt-5.4"),
    ],
)
def test_a_bot_that_names_no_model_has_the_settings_one_or_one_of_a_key_that_is_there(keys: dict, model: str) -> None:
    none = dict.fromkeys(("openai_api_key", "anthropic_api_key", "google_api_key", "default_model"))
    assert choose_default_model(settings_with(**{**none, **keys})) == model


def test_rates_that_name_one_model_twice_are_refused() -> None:
    with pytest.raises(ValidationError, match="names one model twice, in two spellings"):
        settings_with(model_rates={"openai:gpt-5": 2, "OpenAI:GPT-5": 3})
