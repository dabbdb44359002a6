"""The process itself: it starts, serves real connections, stays small, and stops when asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import Connection
from temporalio.client import Client

from heartbeat.store.database import Database
from heartbeat.store.projects.projects import create_key
from tests.support.api import error_of
from tests.support.past_runs import a_run
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_port
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

IDLE_MB = 150


@pytest.fixture
def process(tmp_path: Path, sqlite_template: Path, temporal: Client) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`python -m api` on a database of its own, and its address."""
    port = free_port()
    (tmp_path / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
    environment = {
        **os.environ,
        "HEARTBEAT_DATA_DIR": str(tmp_path),
        "HEARTBEAT_PORT": str(port),
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
    }
    started = subprocess.Popen([sys.executable, "-P", "-m", "api"], env=environment, cwd=tmp_path)
    try:
        yield started, f"http://127.0.0.1:{port}"
    finally:
        started.kill()
        started.wait()


def is_up(http: httpx.Client) -> bool:
    try:
        return http.get("/healthz").is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops(process: tuple[subprocess.Popen[bytes], str], how: signal.Signals) -> None:
    started, url = process
    with httpx.Client(base_url=url, timeout=PATIENCE) as http:
        wait_until(lambda: is_up(http))
        chunked = http.post(
            "/v1/bot/create", content=iter([b"x" * 65_536] * 40), headers={"content-type": "application/json"}
        )
        assert error_of(chunked, 413)["code"] == "body_too_large"
        assert error_of(http.get("/v1/bot/readall?project_id=x"), 401)
        assert http.get("/readyz").json()["checks"] == {
            "database": True,
            "temporal": True,
            "worker": False,
            "upkeep": False,
            "delivery": False,
            "clock": True,
        }
        assert psutil.Process(started.pid).memory_info().rss < IDLE_MB * 1_000_000
    started.send_signal(how)
    assert started.wait(PATIENCE) == 0


def test_a_stream_does_not_keep_it(process: tuple[subprocess.Popen[bytes], str], tmp_path: Path) -> None:
    """The reader is told an orderly end, and may go on with another process."""

    def seed(connection: Connection) -> tuple[str, dict[str, str]]:
        project = a_project(connection)
        heartbeat = a_heartbeat(connection, bot := a_bot(connection, project))
        run = a_run(connection, heartbeat, "running", duration_ms=None)
        query = {"project_id": project.uuid, "bot_id": bot.uuid, "run_id": run}
        return create_key(connection, project, "key", NOW).secret, query

    started, url = process
    with closing(Database(f"sqlite:///{tmp_path / 'heartbeat.db'}")) as database:
        key, query = database.write_now(seed)
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=PATIENCE) as http:
        wait_until(lambda: is_up(http))
        with http.stream("GET", "/v1/bot/run/events", params=query) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: run"
            started.send_signal(signal.SIGTERM)
            assert "event: end" not in list(lines)
    assert started.wait(PATIENCE) == 0
