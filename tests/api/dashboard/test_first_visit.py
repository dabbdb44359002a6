"""What leads somebody who has no heartbeat yet."""

from typing import Any

import pytest
from pydantic import SecretStr

from heartbeat.gallery.templates import templates
from heartbeat.store.projects.projects import create_key
from tests.support.dashboard import Owner, browsing
from tests.support.ollama import ollama
from tests.support.ports import free_ports
from tests.support.seeds import NOW, a_project


async def first_page(owner: Owner, path: str = "/", **settings: Any) -> str:
    """What a project without anything in it sees, with these settings."""
    key = await owner.database.write(lambda c: create_key(c, a_project(c, name="Empty"), "key", NOW))
    changed = owner.settings.model_copy(update=settings)
    async with browsing(changed, owner.database, owner.temporal) as browser:
        await browser.sign_in(key.secret)
        return await browser.page(path)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_template_leads_into_the_form(owner: Owner) -> None:
    page = await first_page(owner, openai_api_key=SecretStr("sk-x"))
    for key, template in templates().items():
        assert f'href="/heartbeats/new?template={key}"' in page
        assert template.name.replace("'", "&#39;") in page
    assert 'href="/heartbeats/new"' in page
    assert "A bot that names no model uses openai:gpt-5.4-mini." in page
    assert "ANTHROPIC_API_KEY" not in page
    assert "<summary>Make one with a program instead</summary>" in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_without_a_capable_model_it_says_what_to_set_or_what_was_found(owner: Owner) -> None:
    [port] = free_ports(1)
    page = await first_page(owner, ollama_base_url=f"http://127.0.0.1:{port}/v1")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "ollama.com"):
        assert name in page
    with ollama() as url:
        page = await first_page(owner, ollama_base_url=url)
        form = await first_page(owner, "/heartbeats/new", ollama_base_url=url)
    assert "An Ollama was found on this machine" in page
    assert "<code>ollama:qwen3:8b</code>, <code>ollama:llama3.2:latest</code>" in page
    assert "OPENAI_API_KEY" not in page
    assert '<option value="ollama:qwen3:8b" selected>' in form
