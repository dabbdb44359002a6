"""What a worker tells of itself."""

import socket
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest

from heartbeat.telemetry.endpoint import Endpoint, serving
from heartbeat.temporal.client import healthy
from tests.support.databases import ON_SQLITE
from tests.support.model_server import ModelServer, fails, says
from tests.support.world import World


async def ask(listener: socket.socket, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}{path}")


def numbers(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {series: float(number) for series, _, number in lines}


@pytest.fixture
async def listener(working: World) -> AsyncIterator[socket.socket]:
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(Endpoint(working.database, partial(healthy, working.client)), listener):
        yield listener


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_worker_counts_what_its_runs_do(working: World, model: ModelServer, listener: socket.socket) -> None:
    before = numbers((await ask(listener, "/metrics")).text)
    model.script(fails(503), says("All quiet.", 1200, 50))
    assert (await working.run_once()).status == "success"
    response = await ask(listener, "/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    after = numbers(response.text)
    more = {series: number - before.get(series, 0) for series, number in after.items()}
    assert {
        'heartbeat_openings_total{outcome="started"}': 1,
        'heartbeat_step_seconds_count{kind="model",provider="openai"}': 1,
        'heartbeat_tokens_total{direction="input",model="openai:scripted"}': 1200,
        'heartbeat_tokens_total{direction="output",model="openai:scripted"}': 50,
        'heartbeat_credits_total{model="openai:scripted"}': 2,
        'heartbeat_provider_errors_total{code="unavailable",provider="openai"}': 1,
        # It was started by hand.
        "heartbeat_start_delay_seconds_count": 0,
    }.items() <= more.items()
    assert after["heartbeat_database_pool_size"] == 10
    assert after['heartbeat_database_connections{state="idle"}'] >= 1
    assert after["process_resident_memory_bytes"] > 0


@ON_SQLITE
async def test_the_probes_of_a_worker(working: World, listener: socket.socket) -> None:
    assert (await ask(listener, "/healthz")).json() == {"status": "ok"}
    assert (await ask(listener, "/readyz")).json() == {"status": "ready", "checks": {"temporal": True}}
    assert (await ask(listener, "/")).status_code == 404


@ON_SQLITE
async def test_metrics_of_the_sdk_that_cannot_be_had_cost_none_of_the_workers(working: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        sdk_address = f"127.0.0.1:{closed.getsockname()[1]}"
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(Endpoint(working.database, partial(healthy, working.client), sdk_address), listener):
        response = await ask(listener, "/metrics")
    assert response.status_code == 200
    assert "heartbeat_openings_total" in response.text
