"""An Ollama on this machine is found when nothing else says which model to use."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from heartbeat.agents.ollama import ollama_models
from heartbeat.settings import Settings
from tests.support.ports import free_ports

MODELS = [
    {"name": "qwen3:8b", "details": {"family": "qwen3"}},
    {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}},
    {"name": "llama3.2:latest"},
    {"model": "nameless"},
    "odd",
]


@contextmanager
def ollama(body: str) -> Iterator[str]:
    """A server that answers /api/tags with this; its address as Heartbeat's setting has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/tags" else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_its_models_that_answer_are_listed_as_bots_name_them() -> None:
    with ollama(json.dumps({"models": MODELS})) as url:
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
