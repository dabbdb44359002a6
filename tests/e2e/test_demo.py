"""`heartbeat demo`: a heartbeat made over the API, followed, switched off at the end, and found again the next time."""

import json
import stat

import httpx
import pytest
from temporalio.client import Client

from tests.support.embedded import Embedded, Start
from tests.support.model_server import ModelServer, says

pytestmark = pytest.mark.e2e


def test_demo_shows_a_run_and_carries_on_the_next_time(start: Start, model: ModelServer, temporal: Client) -> None:
    model.script(says("Stretch your\x1b[31m legs.\nThen drink water.", 900, 350))
    variables = {
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "OPENAI_BASE_URL": model.base_url,
        "HEARTBEAT_DEFAULT_MODEL": "openai:scripted",
    }
    first = start(verb="demo", **variables)
    first.wait_for(
        r"manual run success \(\d+\.\d s, 1250 tokens, 2 credits\): Stretch your \[31m legs. Then drink water."
    )
    first.wait_for(r"next run in \d+ s, at .* [2-9]\d* of 500 credits used")
    file = first.data_dir / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    bot = json.loads(file.read_text())["bot"]
    project, key = first.access()
    first.stop()
    assert first.process.returncode == 0

    second = start(verb="demo", **variables)
    assert int(second.wait_for(r"of (\d+) credits used")[1]) >= 502
    second.wait_for("manual run success")
    assert json.loads(file.read_text()) == {"key": key, "bot": bot}
    (heartbeat,) = heartbeats(second, project, key, bot)
    assert heartbeat["enabled"] == 1
    assert [line for line in second.lines if line.startswith("key")] == []
    second.stop()

    plain = start(**variables).wait_ready()
    assert [one["enabled"] for one in heartbeats(plain, project, key, bot)] == [0]
    plain.stop()


def heartbeats(stack: Embedded, project: str, key: str, bot: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = httpx.get(
        f"{stack.url}/v1/bot/heartbeat/readall",
        params={"project_id": project, "bot_id": bot},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ).json()["heartbeats"]
    return rows
