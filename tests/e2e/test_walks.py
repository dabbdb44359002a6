"""The walks of the README and of docs/tools.md, pasted as they stand into a shell."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import Embedded
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import PATIENCE
from tests.support.ports import free_ports

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
ACCESS = {"HEARTBEAT_PROJECT_ID": "proj_acme", "HEARTBEAT_API_KEY": "choose-a-long-secret"}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with closing(ModelServer()) as server:
        yield server


@pytest.fixture(scope="module")
def stack(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    variables = {
        **ACCESS,
        "OPENAI_BASE_URL": model.base_url,
        "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
        "HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]',
    }
    with closing(Embedded(tmp_path_factory.mktemp("walks") / "data", **variables)) as running:
        yield running.wait_ready()


def listed(page: str, mark: str, language: str) -> str:
    """The code of a page that is marked so."""
    return "\n".join(re.findall(rf"<!-- {mark} -->\n```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))


def walked(script: str, stack: Embedded, access: dict[str, str]) -> subprocess.CompletedProcess[str]:
    assert "http://127.0.0.1:8400" in script
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8400", stack.url)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **access},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )


def test_the_walk_of_the_readme(stack: Embedded, model: ModelServer) -> None:
    """A heartbeat made, run, looked at and deleted with curl."""
    model.script(says("Outages, security, deadlines.", 1200, 50))
    walk = walked(listed("README.md", "walk", "bash"), stack, ACCESS)
    assert '"schedule":"At 09:00, Monday to Friday, New York time"' in walk.stderr
    triggered, logs, stats, disabled, deleted = walk.stdout.splitlines()
    assert '"response":"Outages, security, deadlines."' in triggered
    assert '"credits_charged":2' in triggered
    assert '"total":1' in logs
    assert '"total_credits":2' in stats
    assert '"enabled":0' in disabled
    assert "was deleted" in deleted


def test_the_worked_example_of_tools(stack: Embedded, model: ModelServer, tmp_path: Path) -> None:
    """A tool connected and used, its steps and what they cost."""
    [port] = free_ports(1)
    (tmp_path / "desk.py").write_text(listed("docs/tools.md", "desk.py", "python").replace("8500", str(port)))
    model.script(
        asks(("desk__open_tickets", {})),
        asks(("desk__escalate", {"ticket": "#7"}), ("desk__escalate", {"ticket": "#8"})),
        says("Both are looked at.", 1200, 50),
    )
    project, key = stack.new_project()
    access = {"HEARTBEAT_PROJECT_ID": project, "HEARTBEAT_API_KEY": key}
    with subprocess.Popen([sys.executable, "desk.py"], cwd=tmp_path, stderr=subprocess.DEVNULL) as desk:
        wait_for(f"http://127.0.0.1:{port}/mcp")
        script = listed("docs/tools.md", "walk", "bash").replace("8500", str(port))
        walk = walked(script, stack, access)
        desk.terminate()
    connected, read, spent = (json.loads(line) for line in walk.stdout.splitlines())
    assert [tool["name"] for tool in connected["tool"]["tools"]] == ["open_tickets", "escalate"]
    assert '"response":"Both are looked at."' in walk.stderr
    steps = read["run"]["steps"]
    assert [(step["kind"], step["name"]) for step in steps] == [
        ("model", None),
        ("tool", "desk__open_tickets"),
        ("model", None),
        ("tool", "desk__escalate"),
        ("tool", "desk__escalate"),
        ("model", None),
    ]
    assert "the shop is down" in steps[1]["answer"]
    assert steps[3]["arguments"] == {"ticket": "#7"}
    assert spent["credits"]["used"] == read["run"]["credits_charged"] == 4


def wait_for(url: str) -> None:
    """Until something answers there, whatever it says."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=8), trust_env=False) as client:
        client.get(url)
