"""The process itself: it starts, serves real connections, stays small, and stops when asked."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from temporalio.client import Client

from tests.api.conftest import error_of

DEADLINE = 30.0
IDLE_MB = 150


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


def until_up(http: httpx.Client) -> None:
    give_up = time.monotonic() + DEADLINE
    while time.monotonic() < give_up:
        try:
            if http.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the API did not start")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops(process: tuple[subprocess.Popen[bytes], str], how: signal.Signals) -> None:
    started, url = process
    with httpx.Client(base_url=url) as http:
        until_up(http)
        chunked = http.post(
            "/v1/bot/create", content=iter([b"x" * 65_536] * 40), headers={"content-type": "application/json"}
        )
        assert error_of(chunked, 413)["code"] == "body_too_large"
        assert error_of(http.get("/v1/bot/readall?project_id=x"), 401)
        assert http.get("/readyz").json()["checks"] == {"database": True, "temporal": True, "worker": False}
        assert psutil.Process(started.pid).memory_info().rss < IDLE_MB * 1_000_000
    started.send_signal(how)
    assert started.wait(timeout=5) == 0
