"""The process itself: it starts, serves real connections, stays small, and stops when asked."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import Connection
from temporalio.client import Client

from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import create_key
from tests.support.api import error_of
from tests.support.embedded import command
from tests.support.past_runs import a_run
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_port
from tests.support.processes import start
from tests.support.seeds import NOW, a_bot, a_heartbeat, a_project

IDLE_MB = 148


@pytest.fixture
def variables(tmp_path: Path, sqlite_template: Path, temporal: Client) -> dict[str, str]:
    """The settings of an API on a database of its own."""
    (tmp_path / "heartbeat.db").write_bytes(sqlite_template.read_bytes())
    return {
        "HEARTBEAT_DATA_DIR": str(tmp_path),
        "HEARTBEAT_PORT": str(free_port()),
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
    }


@pytest.fixture
def fork(tmp_path: Path, variables: dict[str, str]) -> Iterator[BaseProcess]:
    """An API that was spared its imports."""
    process = start("api.__main__", output=tmp_path, **variables)
    yield process
    process.kill()
    process.join()


def url_of(variables: dict[str, str]) -> str:
    return f"http://127.0.0.1:{variables['HEARTBEAT_PORT']}"


def is_up(http: httpx.Client) -> bool:
    try:
        return http.get("/healthz").is_success
    except httpx.TransportError:
        return False


def test_the_command_serves_and_stops(variables: dict[str, str]) -> None:
    process = command("api", **variables)
    try:
        serves(url_of(variables))
        # What `make coverage` traces is larger.
        if "COVERAGE_RUN" not in os.environ:
            assert psutil.Process(process.pid).memory_info().rss < IDLE_MB * 1_000_000
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_it_stops_for_ctrl_c(fork: BaseProcess, variables: dict[str, str]) -> None:
    serves(url_of(variables))
    os.kill(fork.pid, signal.SIGINT)
    fork.join(PATIENCE)
    assert fork.exitcode == 0


def serves(url: str) -> None:
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


def test_a_stream_does_not_keep_it(fork: BaseProcess, variables: dict[str, str], tmp_path: Path) -> None:
    """The reader is told an orderly end, and may go on with another process."""

    def seed(connection: Connection) -> tuple[str, dict[str, str]]:
        project = a_project(connection)
        heartbeat = a_heartbeat(connection, bot := a_bot(connection, project))
        run = a_run(connection, heartbeat, "running", duration_ms=None)
        query = {"project_id": project.uuid, "bot_id": bot.uuid, "run_id": run}
        return create_key(connection, project, "key", NOW).secret, query

    with closing(Database(f"sqlite:///{tmp_path / 'heartbeat.db'}")) as database:
        key, query = database.write_now(seed)
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url_of(variables), headers=headers, timeout=PATIENCE) as http:
        wait_until(lambda: is_up(http))
        with http.stream("GET", "/v1/bot/run/events", params=query) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: run"
            fork.terminate()
            assert "event: end" not in list(lines)
    fork.join(PATIENCE)
    assert fork.exitcode == 0
