"""`heartbeat up`: from an empty directory to `ready`, through deaths, to nothing."""

import os
import re
import signal

import httpx
import pytest
from temporalio.client import Client

from tests.support.embedded import Embedded, Start, command
from tests.support.exported_metrics import OF_SDK
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_ports

pytestmark = pytest.mark.e2e


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=PATIENCE)


def series(port: int) -> set[str]:
    return set(re.findall(r"^\w+", get(f"http://127.0.0.1:{port}/metrics").text, re.MULTILINE))


def test_up_gets_ready_survives_deaths_and_stops_whole(start: Start) -> None:
    metrics_port, _ = free_ports(2)
    stack = start("--workers=2", HEARTBEAT_METRICS_PORT=str(metrics_port)).wait_ready()
    project, key = stack.access()
    assert get(f"{stack.url}/readyz").status_code == 200
    for port in (metrics_port, metrics_port + 1):
        wait_until(lambda port=port: answers(f"http://127.0.0.1:{port}/readyz"))
        # The SDK counts some things only once its pollers are at work.
        wait_until(lambda port=port: OF_SDK - {"temporal_request_failure_total"} <= series(port))
    bots = f"{stack.url}/v1/bot/readall?project_id={project}"
    assert get(bots, authorization=f"Bearer {key}").status_code == 200
    assert get(f"http://127.0.0.1:{stack.ui_port}").status_code == 200
    assert {path.name for path in stack.data_dir.iterdir()} >= {"heartbeat.db", "temporal.db", "temporal.db-wal"}
    stack.wait_for("^model +local:smollm2")
    stack.wait_for("set OPENAI_API_KEY")
    doctor_finds_all_well(stack, stack.wait_for(r"smollm2 answers at (\S+)")[1])

    os.kill(stack.child("-m api"), signal.SIGKILL)
    stack.wait_for("api was ended by SIGKILL; starting it again in 0.5 s")
    workers = [pid for pid, line in stack.children().items() if line.endswith("-m worker")]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    stack.wait_for(r"worker \d was ended by SIGKILL; starting it again in 0.5 s")
    wait_until(lambda: answers(f"{stack.url}/readyz"))
    assert len([line for line in stack.children().values() if line.endswith("-m worker")]) == 2

    stack.stop(signal.SIGINT)
    assert stack.process.returncode == 0
    assert [line for line in stack.lines if line.startswith("ready")] == [f"ready {stack.url}"]
    assert [line for line in stack.lines if "Traceback" in line or "goaway" in line] == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_external_cluster_is_used_and_a_second_up_is_refused(
    start: Start, temporal: Client, database_url: str
) -> None:
    variables = {
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "HEARTBEAT_DATABASE_URL": database_url,
        "HEARTBEAT_PROJECT_ID": "proj_mine",
        "HEARTBEAT_API_KEY": "a-key-of-my-own",
        "OPENAI_API_KEY": "not used",
    }
    stack = start(**variables).wait_ready()
    bots = f"{stack.url}/v1/bot/readall?project_id=proj_mine"
    assert get(bots, authorization="Bearer a-key-of-my-own").status_code == 200
    assert {line.split()[-1] for line in stack.children().values()} == {"api", "worker"}
    assert "a-key-of-my-own" not in "\n".join(stack.lines)
    refuses_a_second_up_and_a_taken_port(start, stack, variables)
    stack.stop(signal.SIGTERM)
    assert stack.process.returncode == 0


def refuses_a_second_up_and_a_taken_port(start: Start, first: Embedded, variables: dict[str, str]) -> None:
    second = start(**variables)
    assert second.process.wait(PATIENCE) == 1
    second.close()
    assert second.lines == [
        f"heartbeat: Another `heartbeat up` (process {first.process.pid}) uses {first.data_dir}; "
        "stop it, or choose another with --data-dir."
    ]
    elsewhere = command("up", f"--data-dir={first.data_dir}-2", f"--port={first.port}", **variables)
    said, _ = elsewhere.communicate(timeout=PATIENCE)
    assert elsewhere.returncode == 1
    assert said == (
        f"heartbeat: Port {first.port} for the API is taken; end what uses it, "
        "or choose another with --port (or HEARTBEAT_PORT).\n"
    )


def answers(url: str) -> bool:
    try:
        return get(url).is_success
    except httpx.HTTPError:
        return False


def doctor_finds_all_well(stack: Embedded, local_url: str) -> None:
    done = command(
        "doctor",
        HEARTBEAT_DATA_DIR=str(stack.data_dir),
        HEARTBEAT_TEMPORAL_PORT=str(stack.temporal_port),
        HEARTBEAT_LOCAL_URL=local_url,
    )
    said, _ = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0, said
    assert [line[0] for line in said.splitlines()] == ["✓"] * 10
    assert "2 at task queue heartbeat" in said
