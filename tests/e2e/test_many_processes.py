"""Two API processes and two workers on one PostgreSQL, behind a pooler with fewer connections than they would open."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection
from temporalio.client import Client

from heartbeat.domain.ids import new_id
from heartbeat.store.credits.audit import audit
from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import create_key
from tests.support.databases import fresh_database
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE, until
from tests.support.pgbouncer import pooled
from tests.support.ports import free_ports
from tests.support.processes import start
from tests.support.seeds import NOW, YEARLY, a_bot, a_project

HEARTBEATS, SERVER_CONNECTIONS = 8, 4
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def direct_url(request: pytest.FixtureRequest) -> str:
    return fresh_database(request, "postgresql")


@pytest.fixture
def apis(direct_url: str, tmp_path: Path, temporal: Client, model: ModelServer) -> Iterator[list[str]]:
    """The addresses of both APIs."""
    ports = free_ports(2)
    with ExitStack() as running:
        variables = {
            "HEARTBEAT_DATABASE_URL": running.enter_context(pooled(direct_url, "extra_float_digits")),
            "HEARTBEAT_TASK_QUEUE": new_id("queue"),
            "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
            "OPENAI_BASE_URL": model.base_url,
        }
        modules = [("worker", 0), ("worker", 0), *(("api.__main__", port) for port in ports)]
        for number, (module, port) in enumerate(modules):
            output = tmp_path / str(number)
            output.mkdir()
            process = start(module, output=output, HEARTBEAT_PORT=str(port or 1), **variables)
            running.callback(process.join)
            running.callback(process.kill)
        yield [f"http://127.0.0.1:{port}" for port in ports]


async def test_they_serve_one_project_together(direct_url: str, apis: list[str]) -> None:
    """Each heartbeat is made through one API and triggered through the other, all of them at once."""
    with closing(Database(direct_url)) as database:
        project, bot, key = database.write_now(_owner)
        ids = {"project_id": project, "bot_id": bot}
        async with _clients(apis, key) as clients:
            answers = await asyncio.gather(
                *(_run(clients[number % 2], clients[1 - number % 2], ids, number) for number in range(HEARTBEATS))
            )
            # One more for the test itself.
            assert database.read_now(lambda c: c.exec_driver_sql(CONNECTIONS).scalar_one()) <= SERVER_CONNECTIONS + 1
        assert [answer["status"] for answer in answers] == ["success"] * HEARTBEATS
        assert database.read_now(audit) == []


@asynccontextmanager
async def _clients(urls: list[str], key: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each address, once it answers."""
    headers = {"authorization": f"Bearer {key}"}
    async with AsyncExitStack() as open_clients:
        clients = [httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE) for url in urls]
        for client in clients:
            await open_clients.enter_async_context(client)
            await until(partial(_is_up, client))
        yield clients


def _owner(connection: Connection) -> tuple[str, str, str]:
    project = a_project(connection)
    return project.uuid, a_bot(connection, project).uuid, create_key(connection, project, "key", NOW).secret


async def _is_up(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).is_success
    except httpx.TransportError:
        return False


async def _run(one: httpx.AsyncClient, other: httpx.AsyncClient, ids: dict[str, str], number: int) -> dict[str, str]:
    fields = {"prompt": f"Check queue {number}.", "cron_pattern": YEARLY, "enabled": True}
    configured = await one.post("/v1/bot/heartbeat/configure", json={**ids, **fields})
    heartbeat = configured.json()["heartbeat"]["uuid"]
    answer = await other.post("/v1/bot/heartbeat/trigger", json={**ids, "heartbeat_id": heartbeat})
    deleted = await other.request("DELETE", "/v1/bot/heartbeat/delete", params={**ids, "heartbeat_id": heartbeat})
    assert deleted.is_success, deleted.text
    return answer.json()["result"]
