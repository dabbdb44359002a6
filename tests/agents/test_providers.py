"""A request to a provider is one request: trying again is Temporal's, which waits, counts and can be cancelled."""

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError

from heartbeat.agents import providers
from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import CompletionRequest
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.prompt import messages_of
from heartbeat.agents.providers import models_of
from heartbeat.settings import Settings
from tests.support.model_server import ModelServer, fails

MODELS = ["openai:gpt-x", "anthropic:claude-x", "google:gemini-x", "ollama:llama-x", "local:smollm2"]


class Here(httpx2.AsyncHTTPTransport):
    """Takes every request to one server, whichever it was meant for."""

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = httpx2.URL(server)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(scheme="http", host=self._server.host, port=self._server.port)
        return await super().handle_async_request(request)


@pytest.fixture
def provider() -> Iterator[ModelServer]:
    server = ModelServer()
    yield server
    server.close()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_provider_is_asked_once(name: str, status: int, provider: ModelServer) -> None:
    provider.script(fails(status))
    key = "sk-x"
    settings = Settings(_env_file=None, openai_api_key=key, anthropic_api_key=key, google_api_key=key)
    http = httpx2.AsyncClient(transport=Here(provider.base_url), timeout=30)
    service, _, model_name = name.partition(":")
    async with http:
        model = models_of(service, settings, http)(model_name)
        with pytest.raises(ModelAPIError):
            await model_request(model, messages_of("Be brief.", "Look.", []))
    assert len(provider.requests) == 1


async def test_many_names_of_models_take_one_client(provider: ModelServer) -> None:
    clients = ProviderClients(Settings(_env_file=None, openai_base_url=provider.base_url, openai_api_key="sk-x"))
    before = client_count()
    for number in range(20):
        await clients.complete(CompletionRequest(f"openai:made-up-{number}", "", "Look.", 100))
    assert client_count() - before == 1
    assert {request["model"] for request in provider.requests} == {f"made-up-{number}" for number in range(20)}
    await clients.close()


async def test_a_client_that_cannot_be_made_is_no_passing_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", '"http://127.0.0.1:1"')
    clients = ProviderClients(Settings(_env_file=None, google_api_key="sk-x"))
    with pytest.raises(ModelFailure) as failed:
        await clients.complete(CompletionRequest("google:gemini-x", "", "Look.", 100))
    assert (failed.value.code, failed.value.retryable) == ("misconfigured", False)
    await clients.close()


def client_count() -> int:
    gc.collect()
    return sum(type(thing) is AsyncOpenAI for thing in gc.get_objects())


@pytest.mark.parametrize(
    ("keys", "libraries"),
    [
        ({}, providers.OPENAI),
        ({"openai_api_key": "k"}, providers.OPENAI),
        ({"anthropic_api_key": "k"}, providers.ANTHROPIC),
        ({"openai_api_key": "k", "google_api_key": "k"}, (*providers.GOOGLE, *providers.OPENAI)),
    ],
)
def test_a_worker_loads_the_clients_that_it_has_keys_for(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], libraries: tuple[str, ...]
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(providers, "import_module", loaded.append)
    providers.load(Settings(_env_file=None, **keys))
    assert loaded == [*libraries]


def test_what_a_client_needs_is_what_is_loaded_beforehand() -> None:
    tree = ast.parse(Path(providers.__file__).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    needed = {node.module for function in functions for node in ast.walk(function) if isinstance(node, ast.ImportFrom)}
    assert needed - {"pydantic_ai.profiles.openai"} == {*providers.OPENAI, *providers.ANTHROPIC, *providers.GOOGLE}
