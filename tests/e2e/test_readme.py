"""The README's walk with curl, run as it stands."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.embedded import Start
from tests.support.model_server import ModelServer, says
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.e2e
README = Path(__file__).parents[2] / "README.md"


def test_the_walk_does_what_it_says(start: Start, model: ModelServer) -> None:
    access = {"HEARTBEAT_PROJECT_ID": "proj_acme", "HEARTBEAT_API_KEY": "choose-a-long-secret"}
    model.script(says("Outages, security, deadlines.", 1200, 50))
    stack = start(OPENAI_BASE_URL=model.base_url, HEARTBEAT_DEFAULT_MODEL="openai:scripted", **access).wait_ready()
    script = "\n".join(re.findall(r"<!-- walk -->\n```bash\n(.*?)```", README.read_text(), re.DOTALL))
    assert "127.0.0.1:8400" in script
    walk = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8400", stack.url)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **access},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert '"schedule":"At 09:00, Monday to Friday, New York time"' in walk.stderr
    triggered, logs, stats, disabled, deleted = walk.stdout.splitlines()
    assert '"response":"Outages, security, deadlines."' in triggered
    assert '"credits_charged":2' in triggered
    assert '"total":1' in logs
    assert '"total_credits":2' in stats
    assert '"enabled":0' in disabled
    assert "was deleted" in deleted
