"""The image and the compose file for real, on a Docker engine: `make test-containers`."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.utils import canonicalize_name

from tests.containers.held_model import HeldModel, held_model
from tests.containers.images import bring_all, docker
from tests.support.ports import free_port

pytestmark = pytest.mark.containers

ROOT = Path(__file__).parent.parent.parent
NAME, WORKERS = "heartbeat-test", 3
PROJECT, KEY = "proj_containers", "only-for-this-test"
# Containers start one after the other, on a machine that others use, too.
PATIENCE = 300.0


class Stack:
    """The services of the compose file, started."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self.api = f"http://127.0.0.1:{environment['HEARTBEAT_PORT']}"

    def compose(self, *arguments: str) -> str:
        return docker("compose", "--project-name", NAME, *arguments, env=self._environment, cwd=ROOT)

    def call(self, path: str, **body: object) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {KEY}"}
        response = httpx.post(self.api + path, json={"project_id": PROJECT, **body}, headers=headers, timeout=PATIENCE)
        assert response.status_code < 300, response.text
        return response.json()

    def read(self, path: str, **parameters: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {KEY}"}
        response = httpx.get(self.api + path, params={"project_id": PROJECT, **parameters}, headers=headers, timeout=60)
        assert response.status_code < 300, response.text
        return response.json()


@pytest.fixture(scope="module")
def model() -> Iterator[HeldModel]:
    with held_model() as model:
        yield model


@pytest.fixture(scope="module")
def stack(model: HeldModel) -> Iterator[Stack]:
    if not shutil.which("docker"):
        pytest.fail("There is no Docker here; `tests/containers/engine` installs one from Debian's packages.")
    for tag in bring_all():
        print(f"{tag} cannot be pulled: a stand-in of tests/containers/stand_ins has its tag")
    stack = Stack(
        {
            **os.environ,
            "HEARTBEAT_PORT": str(free_port()),
            "HEARTBEAT_TEMPORAL_UI_PORT": str(free_port()),
            "HEARTBEAT_PROJECT_ID": PROJECT,
            "HEARTBEAT_API_KEY": KEY,
            "HEARTBEAT_DEFAULT_MODEL": "openai:held",
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"http://host.docker.internal:{model.port}/v1",
        }
    )
    stack.compose("down", "--volumes", "--timeout", "1")
    stack.compose("up", "--build", "--detach", "--wait", "--scale", f"worker={WORKERS}")
    yield stack
    stack.compose("down", "--volumes", "--timeout", "5")


def eventually(look: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if seen := look():
            return seen
        time.sleep(0.5)
    raise AssertionError(f"it never came to pass that {what}")


def containers(stack: Stack, service: str) -> dict[str, str]:
    """Return the containers of a service by their address."""
    rows = [json.loads(docker("inspect", name)) for name in stack.compose("ps", "--quiet", service).split()]
    return {next(iter(row["NetworkSettings"]["Networks"].values()))["IPAddress"]: row["Id"] for [row] in rows}


def test_every_service_is_up(stack: Stack) -> None:
    assert len(containers(stack, "worker")) == WORKERS
    eventually(lambda: httpx.get(f"{stack.api}/readyz").status_code == 200, "the stack is ready")
    assert f"{WORKERS} at task queue" in stack.compose("exec", "api", "heartbeat", "doctor")


def rights(stack: Stack, service: str) -> dict[str, str]:
    status = stack.compose("exec", service, "cat", "/proc/1/status")
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


@pytest.mark.parametrize("service", ["postgres", "temporal", "temporal-ui"])
def test_a_service_of_others_has_the_rights_that_it_names(stack: Stack, service: str) -> None:
    # CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID.
    allowed = 0b1100_1011 if service == "postgres" else 0
    fields = rights(stack, service)
    assert (int(fields["CapBnd"], 16), fields["NoNewPrivs"]) == (allowed, "1")
    if service == "postgres":
        with pytest.raises(RuntimeError, match="Read-only file system"):
            stack.compose("exec", "--user", "root", service, "touch", "/etc/x")


@pytest.mark.parametrize("service", ["api", "worker"])
def test_a_container_may_do_nothing_that_it_need_not(stack: Stack, service: str) -> None:
    fields = rights(stack, service)
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    for path in ("/x", "/venv/x", "/usr/local/x"):
        with pytest.raises(RuntimeError, match="Read-only file system"):
            stack.compose("exec", service, "touch", path)


def test_the_image_lists_what_is_in_it(stack: Stack) -> None:
    """The software bill of materials names every package of the image, with its version, and no other."""
    bill = json.loads(stack.compose("exec", "api", "cat", "/usr/share/heartbeat/sbom.cdx.json"))
    listed = {(canonicalize_name(component["name"]), component["version"]) for component in bill["components"]}
    script = "import json, importlib.metadata as m; print(json.dumps([[d.name, d.version] for d in m.distributions()]))"
    installed = json.loads(stack.compose("exec", "api", "/venv/bin/python", "-c", script))
    assert len(installed) > 50
    assert listed == {(canonicalize_name(name), version) for name, version in installed}


def test_a_run_whose_worker_is_killed_ends_on_another(stack: Stack, model: HeldModel) -> None:
    bot = stack.call("/v1/bot/create", name="Watch", heartbeat=True, instruction="Be brief.")
    bot_id = bot["bot"]["id"]
    configured = stack.call("/v1/bot/heartbeat/configure", bot_id=bot_id, prompt="Is all quiet?", enabled=True)
    heartbeat_id = configured["heartbeat"]["uuid"]
    model.hold_next()
    with ThreadPoolExecutor() as pool:
        # It waits for the result, as long as the run is given.
        triggered = pool.submit(stack.call, "/v1/bot/heartbeat/trigger", bot_id=bot_id, heartbeat_id=heartbeat_id)
        model.wait_for(1, PATIENCE)
        workers = containers(stack, "worker")
        docker("kill", workers[model.askers[0]])
        triggered.result()

    def ended() -> list[dict[str, Any]]:
        logs = stack.read("/v1/bot/heartbeat/logs", bot_id=bot_id)["logs"]
        return [log for log in logs if log["status"] == "success"]

    [log] = eventually(ended, "the run ends")
    assert len(stack.read("/v1/bot/heartbeat/logs", bot_id=bot_id)["logs"]) == 1
    assert model.askers[1] in workers
    assert model.askers[1] != model.askers[0]
    assert log["credits_charged"] == 2
    assert len(model.askers) == 2
