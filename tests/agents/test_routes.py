"""How a request leaves for a provider: through the proxy of the settings or straight, and whom TLS believes."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx2
import pytest

from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import CompletionRequest
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.http import is_direct
from heartbeat.settings import Settings
from tests.support.certificates import authority_and_server
from tests.support.peer import Answer, Peer, says

ANSWER = {"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}}]}
REQUEST = CompletionRequest("openai:m", "", "Look at the queue.", 500)


def completes() -> Answer:
    return says(json.dumps(ANSWER).encode(), content_type="application/json")


def leads(location: str) -> Answer:
    return says(b"", "307 Temporary Redirect", location=location)


async def words_of(**settings: Any) -> str:
    """What the model says, or the code of the failure."""
    reply = await reply_of(**settings)
    return reply.code if isinstance(reply, ModelFailure) else reply


async def reply_of(**settings: Any) -> str | ModelFailure:
    clients = ProviderClients(Settings(_env_file=None, openai_api_key="k", step_timeout_seconds=20, **settings))
    try:
        return (await clients.complete(REQUEST)).text
    except ModelFailure as problem:
        return problem
    finally:
        await clients.close()


async def test_a_provider_is_asked_through_the_proxy() -> None:
    async with Peer({"*": completes()}) as proxy:
        proxy_address = proxy.url("").replace("//", "//user:pass@")
        assert await words_of(openai_base_url="http://llm.example/v1", http_proxy=proxy_address) == "ok"
    [request] = proxy.asked
    assert request.path == "http://llm.example/v1/chat/completions"
    assert request.headers["proxy-authorization"] == f"Basic {b64encode(b'user:pass').decode()}"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:1/v1", "nothing listens at its address"),
        ("http://llm.invalid/v1", "the name in its address is not known"),
    ],
)
async def test_what_came_in_the_way_is_told(address: str, words: str) -> None:
    failure = await reply_of(openai_base_url=address)
    assert isinstance(failure, ModelFailure)
    assert words in failure.words
    assert failure.provider_words == ""


async def test_a_redirect_takes_no_key_to_another_host() -> None:
    async with Peer({"*": completes()}) as other:
        answers = {
            "/old/chat/completions": leads("/v1/chat/completions"),
            "/v1/chat/completions": completes(),
            "/away/chat/completions": leads(other.url("/v1/chat/completions")),
            "/nowhere/chat/completions": leads("https://[::1"),
        }
        async with Peer(answers) as provider:
            assert await words_of(openai_base_url=provider.url("/old")) == "ok"
            failures = [await reply_of(openai_base_url=provider.url(path)) for path in ("/away", "/nowhere")]
    assert other.asked == []
    for failure in failures:
        assert isinstance(failure, ModelFailure)
        assert failure.code == "bad_answer"
        assert "a redirect to another host, where no key is sent" in failure.message


async def test_a_tunnel_is_asked_for_where_the_provider_speaks_tls() -> None:
    async with Peer({"*": says(b"no", "403 Forbidden")}) as proxy:
        await words_of(openai_base_url="https://llm.example/v1", https_proxy=f"127.0.0.1:{proxy.port}")
    assert {request.path for request in proxy.asked} == {"llm.example:443"}


async def test_this_machine_and_what_no_proxy_lists_are_asked_straight() -> None:
    async with Peer({"*": completes()}) as provider:
        nowhere = {"http_proxy": "http://127.0.0.1:1", "no_proxy": "intern.example"}
        assert await words_of(openai_base_url=provider.url("/v1"), **nowhere) == "ok"
        assert await words_of(openai_base_url="http://llm.example/v1", **nowhere) == "unreachable"


@pytest.mark.parametrize(
    ("url", "exceptions", "direct"),
    [
        ("http://localhost:8401/v1", "", True),
        ("http://127.8.8.8/v1", "", True),
        ("http://[::1]:11434/v1", "", True),
        ("https://api.openai.com/v1", "", False),
        ("https://api.openai.com/v1", "*", True),
        ("https://llm.intern.example/v1", "intern.example", True),
        ("https://llm.intern.example/v1", ".intern.example", True),
        ("https://llm.intern.example/v1", "*.intern.example", True),
        ("https://LLM.intern.example./v1", "llm.INTERN.example", True),
        ("https://wintern.example/v1", "intern.example", False),
        ("http://10.1.2.3:8000/v1", "10.0.0.0/8", True),
        ("http://11.1.2.3:8000/v1", "10.0.0.0/8", False),
        ("http://10.1.2.3:8000/v1", "10.1.2.3:8000", True),
        ("http://10.1.2.3:8000/v1", "10.1.2.3:9000", False),
        ("http://[fd00::7]/v1", "fd00::/8", True),
        ("http://[fd00::7]/v1", "[fd00::7]", True),
        ("https://llm.example/v1", "other.example, llm.example:443", True),
    ],
)
def test_no_proxy_is_read_as_other_programs_read_it(url: str, exceptions: str, direct: bool) -> None:
    entries = [entry.strip().lower() for entry in exceptions.split(",") if entry.strip()]
    assert is_direct(httpx2.URL(url), entries) is direct


async def test_an_authority_of_ones_own_is_believed(tmp_path: Path) -> None:
    authority, server = authority_and_server("localhost", tmp_path)
    async with Peer({"*": completes()}, host="localhost", tls=server) as provider:
        address = provider.url("/v1")
        assert await words_of(openai_base_url=address, ssl_cert_file=authority) == "ok"
        failure = await reply_of(openai_base_url=address)
    assert isinstance(failure, ModelFailure)
    assert (failure.code, "its certificate is not trusted" in failure.words) == ("unreachable", True)
