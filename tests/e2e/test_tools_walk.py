"""The worked example of docs/tools.md, pasted as it stands: connect a tool, use it, see its steps and its cost."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import Start
from tests.support.model_server import ModelServer, asks, says
from tests.support.patience import PATIENCE
from tests.support.ports import free_ports

pytestmark = pytest.mark.e2e
PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()


def listed(mark: str, language: str) -> str:
    return "\n".join(re.findall(rf"<!-- {mark} -->\n```{language}\n(.*?)```", PAGE, re.DOTALL))


def test_the_worked_example_does_what_it_says(start: Start, model: ModelServer, tmp_path: Path) -> None:
    [port] = free_ports(1)
    (tmp_path / "desk.py").write_text(listed("desk.py", "python").replace("8500", str(port)))
    access = {"HEARTBEAT_PROJECT_ID": "proj_acme", "HEARTBEAT_API_KEY": "choose-a-long-secret"}
    model.script(
        asks(("desk__open_tickets", {})),
        asks(("desk__escalate", {"ticket": "#7"}), ("desk__escalate", {"ticket": "#8"})),
        says("Both are looked at.", 1200, 50),
    )
    with subprocess.Popen([sys.executable, "desk.py"], cwd=tmp_path, stderr=subprocess.DEVNULL) as desk:
        allowed = {"HEARTBEAT_EGRESS_ALLOW": '["127.0.0.1"]', **access}
        stack = start(OPENAI_BASE_URL=model.base_url, HEARTBEAT_DEFAULT_MODEL="openai:scripted", **allowed).wait_ready()
        wait_for(f"http://127.0.0.1:{port}/mcp")
        script = listed("walk", "bash").replace("http://127.0.0.1:8400", stack.url).replace("8500", str(port))
        walk = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **access},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
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
