"""An Ollama on this machine is found when nothing else says which model to use."""

import pytest

from heartbeat.agents.model_offers import offered_models
from heartbeat.agents.ollama import ollama_models
from heartbeat.settings import Settings
from heartbeat.up.stack import embedded_stack
from tests.support.ollama import ollama
from tests.support.ports import free_ports


def test_its_models_that_answer_are_listed_as_bots_name_them() -> None:
    with ollama() as url:
        assert ollama_models(Settings(_env_file=None, ollama_base_url=url)) == [
            "ollama:qwen3:8b",
            "ollama:llama3.2:latest",
        ]
        for named in (
            {"default_model": "local:smollm2"},
            {"openai_api_key": "sk-x"},
            {"openai_base_url": "http://x/v1"},
        ):
            assert ollama_models(Settings(_env_file=None, ollama_base_url=url, **named)) == []


@pytest.mark.parametrize("body", ["", "{}", "[]", "<html>", '{"models": null}', '{"models": {"name": 1}}'])
def test_what_is_no_ollama_has_no_models(body: str) -> None:
    with ollama(body) as url:
        assert ollama_models(Settings(_env_file=None, ollama_base_url=url)) == []


def test_where_nothing_listens_there_is_none() -> None:
    [port] = free_ports(1)
    assert ollama_models(Settings(_env_file=None, ollama_base_url=f"http://127.0.0.1:{port}/v1")) == []


def test_up_uses_it_and_the_form_of_a_bot_offers_it() -> None:
    port, temporal, ui = free_ports(3)
    ports = {"port": port, "temporal_port": temporal, "temporal_ui_port": ui}
    with ollama() as url:
        settings = Settings(_env_file=None, ollama_base_url=url, **ports)
        stack = embedded_stack(settings, 1)
        assert [offer.name for offer in offered_models(settings, settings.plan("self_hosted"))][1:3] == stack.ollama
    assert stack.model == stack.environment["HEARTBEAT_DEFAULT_MODEL"] == "ollama:qwen3:8b"
    assert [child.name for stage in stack.stages for child in stage] == ["temporal", "worker", "api"]
